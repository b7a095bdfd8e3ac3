import { PacketError } from './errors.ts';

/**
 * Flags of a packet that kinds of payloads give a meaning to. From `checksum` on they are Ferry's own and travel between
 * Ferry's ends alone; the checksum itself is the channel's.
 */
export const PayloadFlag = {
  sync: 0x01,
  zlib: 0x02,
  zstd: 0x04,
  qpl: 0x08,
  uadk: 0x10,
  qatzip: 0x20,
  deviceState: 0x40,
  checksum: 0x80,
  /** Device state whose payload is one zstd frame. */
  zstdFrame: 0x100,
  /** Sent before, on a channel that broke. */
  again: 0x200,
} as const;

/** The bits that name the compression method of a packet with pages. */
export const METHOD_FLAGS = 0x3e;

/** The flags by their names, `0x400` for bits without one, `none` for no bit. */
export function describeFlags(flags: number): string {
  const names = Object.entries(PayloadFlag).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]));
  const rest = Object.values(PayloadFlag).reduce((left, bit) => left & ~bit, flags) >>> 0;
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? 'none' : names.join(', ');
}

/** Throw `ERR_PACKET_FLAGS` where `flags` has bits that are not in `known`. `kind` is what the packet is, for the message. */
export function checkFlags(flags: number, known: number, kind: string): void {
  const unknown = (flags & ~known) >>> 0;
  if (unknown === 0) return;
  throw new PacketError('ERR_PACKET_FLAGS', 'flags', `${describeFlags(unknown)} cannot be on ${kind}`, 8);
}
