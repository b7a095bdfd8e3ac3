import { InvalidArgumentError } from 'commander';

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4 };
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Bytes: a number, optionally with K, M, G or T, all powers of 1024 (`64M`, `1.5GiB`). `MB` is refused, because half of its
 * readers take it for a million.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:ib)?$/i.exec(text);
  if (match === null)
    throw new InvalidArgumentError(
      `Found ${JSON.stringify(text)}, expected bytes such as 4096, 64M or 1.5GiB (powers of 1024).`,
    );
  return wholeNumber(Number(match[1]) * 1024 ** (SIZE_UNITS[match[2]!.toLowerCase()] ?? 0), text, 1);
}

/** Bytes per second: a size, optionally with `/s`. */
export function parseRate(text: string): number {
  return parseSize(text.replace(/\/s$/, ''));
}

function parseDuration(text: string, bare: 'ms' | 's', least: number, most: number): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError(
      `Found ${JSON.stringify(text)}, expected a time such as 300ms, 20s, 5m or 1h; a number alone counts ${bare === 's' ? 'seconds' : 'milliseconds'}.`,
    );
  const milliseconds = wholeNumber(Number(match[1]) * MILLISECONDS[match[2] ?? bare]!, text, least);
  if (milliseconds > most)
    throw new InvalidArgumentError(`Found ${text}, expected at most ${most / 1000} s.`);
  return milliseconds;
}

/** A time in milliseconds; a number alone counts milliseconds. QEMU allows at most 2000 s for a pause. */
export function parseMilliseconds(text: string): number {
  return parseDuration(text, 'ms', 1, 2_000_000);
}

/** A time in whole seconds; a number alone counts seconds. A week at most. */
export function parseSeconds(text: string): number {
  return Math.ceil(parseDuration(text, 's', 1, 604_800_000) / 1000);
}

function wholeNumber(value: number, text: string, least: number): number {
  const whole = Math.round(value);
  if (!Number.isSafeInteger(whole) || whole < least)
    throw new InvalidArgumentError(`Found ${text}, expected at least ${least} and less than 2^53.`);
  return whole;
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes for people: `303 KiB`. */
export function formatSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < BINARY.length - 1; unit++) value /= 1024;
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${BINARY[unit]}`;
}

/** A time for people: `62 ms`, `3.4 s`, `5 min`. */
export function formatTime(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 100_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}
