import type { StreamErrorCode, StreamLimits } from '../../../src/qemu-stream/index.ts';
import { encode, hex, parts } from '../../unit/qemu-stream/streams.ts';

/** A main stream that is wrong, and what is said of it. */
export interface Row {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly code: StreamErrorCode;
  readonly says: RegExp;
  readonly limits?: Partial<StreamLimits>;
}

const { prologue, start, blocks, endOfRam, footer, part, end } = parts;

/** A stream up to the end of its section with the list of blocks. */
export const listed = encode(prologue, start, blocks, endOfRam, footer);

/** A stream up to the first record of a part. */
export const inPart = encode(listed, part);

/** A stream up to the state of the devices. */
export const toDevices = encode(listed, end, endOfRam, footer);

export function u32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** A record of RAM. */
export function record(flags: number, offset = 0): Uint8Array {
  return hex((BigInt(offset) | BigInt(flags)).toString(16).padStart(16, '0'));
}

export function named(name: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(name.length), Buffer.from(name, 'latin1')]);
}
