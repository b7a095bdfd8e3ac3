/** What QEMU's checker prints, read back: which device and description it is about, and of what kind it is. */
import assert from 'node:assert/strict';

export type ComplaintKind =
  | 'device'
  | 'version'
  | 'name'
  | 'entry'
  | 'subsection'
  | 'structure'
  | 'size'
  | 'field';

export interface Complaint {
  readonly kind: ComplaintKind;
  readonly device: string;
  /** Absent where it is about the device as a whole. */
  readonly description?: string;
  /** What it names: fields, a subsection, an entry, or both versions. */
  readonly names: readonly string[];
  readonly line: string;
}

const KINDS: readonly (readonly [ComplaintKind, RegExp])[] = [
  ['device', /^ does not exist in dest$/],
  ['version', /version error: (\d+) [<>] (\d+)$/],
  ['name', /missing, got "(.+)" instead; skipping$/],
  ['entry', /Entry "(.+)" ?missing$/],
  ['subsection', /Subsection "(.+)" not found$/],
  ['structure', /Field "(.+)": missing description$/],
  ['size', /Field "(.+)" size mismatch: /],
  ['field', /expected field "(.+)", got "(.+)"; skipping rest$/],
  ['field', /expected field "(.+)", while dest has no further fields$/],
];

/** The complaints of one run, as many as it counted. */
export function readComplaints(stdout: string, count: number | null): Complaint[] {
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
  const complaints = lines.map(readComplaint);
  assert.equal(complaints.length, count, stdout);
  return complaints;
}

function readComplaint(line: string): Complaint {
  // A line of which the checker wrote the beginning alone stands before the next one
  const start = line.lastIndexOf('Section "');
  const [, device, rest] = /^Section "([^"]+)"(.*)$/.exec(line.slice(start)) ?? [];
  assert.ok(device !== undefined && rest !== undefined, line);
  for (const [kind, pattern] of KINDS) {
    const found = pattern.exec(rest);
    if (found === null) continue;
    const description = /^[,:]? ?Description "([^"]+)"/.exec(rest)?.[1];
    return {
      kind,
      device,
      names: found.slice(1),
      line,
      ...(description !== undefined && { description }),
    };
  }
  assert.fail(`A complaint of a kind that is not known: ${line}`);
}
