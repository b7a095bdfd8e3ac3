/**
 * The state stream is a sequence of frames: one opening, any number of records, one closing, and then its end.
 * All integers are little-endian. A frame is a header of 64 bytes and a payload:
 *
 *      0  u32  magic, the bytes 46 52 53 54 ("FRST")
 *      4  u8   kind: 1 opening, 2 record, 3 closing
 *      5  u8   flags: bit 0 set on a record that a reader must know; the others are 0
 *      6  u16  reserved, 0
 *      8  u32  index: 0 for the opening, then counting up by one
 *     12  u32  bytes in the payload, at most 1 MiB - 64
 *     16  u32  version: of the record's section; of the device's whole state in the opening; 0 in the closing
 *     20  u32  CRC-32C (Castagnoli) of header and payload, this field taken as 0
 *     24  40   name, ASCII, padded with zeroes: of the record's section; of the device in the opening; none in the closing
 *     64       payload
 *
 * Payload of the opening (16 bytes): u16 version of this format; u16 oldest version whose readers understand the
 * stream; u32 virtio device id; u64 feature bits negotiated with the driver, 0 before there was one.
 * Payload of the closing (36 bytes): u32 number of frames before it; SHA-256 over the headers of those frames, in
 * order, which hold every index, name, length and CRC.
 *
 * Magic, kind and length keep their places in every version of the format, and so does the opening's first u32.
 */
import { crc32c } from '@node-rs/crc32';
import { type FrameKind, isName, Kind } from './kinds.ts';
import { HEADER_SIZE, MAX_NAME } from './limits.ts';

/** The first four bytes of every frame. */
export const MAGIC = 0x54535246;

export const FLAG_REQUIRED = 1;

/** Version of the format that is written. */
export const FORMAT_VERSION = 1;

/** Readers from this version on understand what is written. */
export const OLDEST_COMPATIBLE = 1;

export const OPENING_SIZE = 16;

export const DIGEST_SIZE = 32;

export const CLOSING_SIZE = 4 + DIGEST_SIZE;

const INDEX_AT = 8;
const LENGTH_AT = 12;
const VERSION_AT = 16;
const CRC_AT = 20;
const NAME_AT = 24;

/** What a header says besides magic and checksum. */
export interface FrameHead {
  readonly kind: FrameKind;
  readonly flags: number;
  readonly index: number;
  readonly length: number;
  readonly version: number;
  readonly name: string;
}

/** Write a header into `view` at `at`, the checksum left 0. */
export function encodeHead(head: FrameHead, view: DataView, at: number): void {
  view.setUint32(at, MAGIC, true);
  view.setUint8(at + 4, head.kind);
  view.setUint8(at + 5, head.flags);
  view.setUint16(at + 6, 0, true);
  view.setUint32(at + INDEX_AT, head.index, true);
  view.setUint32(at + LENGTH_AT, head.length, true);
  view.setUint32(at + VERSION_AT, head.version, true);
  view.setUint32(at + CRC_AT, 0, true);
  for (let i = 0; i < MAX_NAME; i++)
    view.setUint8(at + NAME_AT + i, i < head.name.length ? head.name.charCodeAt(i) : 0);
}

/** Put the checksum of a header whose checksum is 0, and of its payload's parts, into the header. */
export function sealFrame(
  header: Uint8Array,
  view: DataView,
  at: number,
  parts: readonly Uint8Array[],
): void {
  let crc = crc32c(header);
  for (const part of parts) if (part.length > 0) crc = crc32c(part, crc);
  view.setUint32(at + CRC_AT, crc, true);
}

/** Kind and length of the header at `at`, which the next steps of reading depend on; undefined kind where unknown. */
export function peekHead(
  view: DataView,
  at: number,
): { magic: number; kind: FrameKind | undefined; length: number } {
  const kind = view.getUint8(at + 4);
  return {
    magic: view.getUint32(at, true),
    kind: kind === Kind.opening || kind === Kind.record || kind === Kind.closing ? kind : undefined,
    length: view.getUint32(at + LENGTH_AT, true),
  };
}

/** Whether the checksum of the whole frame in `frame` holds. The field reads as before afterwards. */
export function checksumHolds(frame: Uint8Array, view: DataView, at: number): boolean {
  const stored = view.getUint32(at + CRC_AT, true);
  view.setUint32(at + CRC_AT, 0, true);
  const found = crc32c(frame);
  view.setUint32(at + CRC_AT, stored, true);
  return found === stored;
}

/**
 * Read a header whose magic, kind and checksum have been checked. Returns what is wrong with it instead where a field
 * breaks the format.
 */
export function decodeHead(view: DataView, at: number, kind: FrameKind): FrameHead | string {
  const flags = view.getUint8(at + 5);
  const reserved = view.getUint16(at + 6, true);
  const head: FrameHead = {
    kind,
    flags,
    index: view.getUint32(at + INDEX_AT, true),
    length: view.getUint32(at + LENGTH_AT, true),
    version: view.getUint32(at + VERSION_AT, true),
    name: decodeName(view, at + NAME_AT),
  };
  if ((flags & ~(kind === Kind.record ? FLAG_REQUIRED : 0)) !== 0) return `flags 0x${flags.toString(16)}`;
  if (reserved !== 0) return `reserved field 0x${reserved.toString(16)}, expected 0`;
  if (kind === Kind.closing) {
    if (head.name !== '' || head.version !== 0) return 'a name or version in the closing frame';
  } else if (!isName(head.name)) return `name ${JSON.stringify(head.name)}`;
  else if (head.version === 0) return 'version 0, versions count from 1';
  return head;
}

/** The name with its zero padding taken off; bytes after the first zero stay visible and make it no valid name. */
function decodeName(view: DataView, at: number): string {
  let text = '';
  for (let i = 0; i < MAX_NAME; i++) text += String.fromCharCode(view.getUint8(at + i));
  return text.replace(/\0+$/, '');
}

/** The header's bytes at `at` of the array that `view` covers. */
export function headerOf(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at, at + HEADER_SIZE);
}
