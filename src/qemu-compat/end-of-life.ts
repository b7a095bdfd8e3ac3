import type { QemuDescription } from './description.ts';
import { splitMachine } from './description.ts';

/** Versioned machine types are deprecated after three years and leave after six. There is one major version a year. */
const DEPRECATED_AFTER = 3;
const LEAVES_AFTER = 6;

/** QEMU 10.0 is of April 2025; the first versions of a year come in these months. */
const YEAR_OF_ZERO = 2015;
const MONTHS = ['April', 'August', 'December'] as const;

/** The first release that removed machine types for their age. */
const FIRST_REMOVAL: Release = { major: 10, minor: 1 };

/** A release of QEMU, as `major.minor`. */
export interface Release {
  readonly major: number;
  readonly minor: number;
}

/** When a versioned machine type is deprecated, and when it leaves QEMU; undefined for one without a version. */
export function endOfLife(machine: string): { deprecated: Release; leaves: Release } | undefined {
  const [major, minor] = splitMachine(machine).version ?? [];
  if (major === undefined || minor === undefined) return undefined;
  const leaves = release(major + LEAVES_AFTER, minor);
  return {
    deprecated: release(major + DEPRECATED_AFTER, minor),
    leaves: isBefore(leaves, FIRST_REMOVAL) ? FIRST_REMOVAL : leaves,
  };
}

/** The first release from `major.minor` on: before 3.0 there were more than three to a major version. */
function release(major: number, minor: number): Release {
  return minor < MONTHS.length ? { major, minor } : { major: major + 1, minor: 0 };
}

export function isBefore(a: Release, b: Release): boolean {
  return a.major < b.major || (a.major === b.major && a.minor < b.minor);
}

/** `11.2 (December 2026)`. */
export function formatRelease({ major, minor }: Release): string {
  const month = MONTHS[minor];
  return `${major}.${minor}${month === undefined ? '' : ` (${month} ${YEAR_OF_ZERO + major})`}`;
}

/** Why `destination` has no `machine`, as far as the numbers tell. */
export function whyMissing(machine: string, destination: QemuDescription): string {
  const [major, minor] = splitMachine(machine).version ?? [];
  const end = endOfLife(machine);
  if (major === undefined || minor === undefined || end === undefined) return '';
  const here = destination.version;
  if (isBefore(here, { major, minor })) return `, which came with QEMU ${formatRelease({ major, minor })}`;
  return isBefore(here, end.leaves) ? '' : `, which left QEMU in release ${formatRelease(end.leaves)}`;
}
