import { OUT_HEADER } from '../constants.ts';
import { Attributes, AttributesOut, EntryOut, StatxOut } from '../structs.ts';
import type { Exchange } from './exchange.ts';

const WORD = 2 ** 32;

/** What a reply says about a file. Times are seconds, negative before the epoch, with nanoseconds beside them. */
export interface FileAttributes {
  readonly ino: number;
  readonly size: number;
  /** Memory in use, in units of 512 bytes. */
  readonly blocks: number;
  readonly atime: number;
  readonly atimeNanos: number;
  readonly mtime: number;
  readonly mtimeNanos: number;
  readonly ctime: number;
  readonly ctimeNanos: number;
  readonly btime: number;
  readonly btimeNanos: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
}

const BLOCK_SIZE = 4096;
const ENTRY_ATTRIBUTES = EntryOut.offsets.ino;
const REPLY_ATTRIBUTES = AttributesOut.offsets.ino;
const o = Attributes.offsets;

/** Put the attributes of a file into the reply, `offset` behind its header. */
function putAttributes(x: Exchange, offset: number, file: FileAttributes): void {
  const words = x.replyWords;
  const at = (OUT_HEADER + offset) >> 2;
  const { size, blocks, atime, mtime, ctime } = file;
  words[at + o.ino / 4] = file.ino;
  words[at + o.ino / 4 + 1] = file.ino / WORD;
  words[at + o.size / 4] = size;
  words[at + o.size / 4 + 1] = size / WORD;
  words[at + o.blocks / 4] = blocks;
  words[at + o.blocks / 4 + 1] = blocks / WORD;
  words[at + o.atime / 4] = atime;
  words[at + o.atime / 4 + 1] = Math.floor(atime / WORD);
  words[at + o.mtime / 4] = mtime;
  words[at + o.mtime / 4 + 1] = Math.floor(mtime / WORD);
  words[at + o.ctime / 4] = ctime;
  words[at + o.ctime / 4 + 1] = Math.floor(ctime / WORD);
  words[at + o.atimeNanos / 4] = file.atimeNanos;
  words[at + o.mtimeNanos / 4] = file.mtimeNanos;
  words[at + o.ctimeNanos / 4] = file.ctimeNanos;
  words[at + o.mode / 4] = file.mode;
  words[at + o.nlink / 4] = file.nlink;
  words[at + o.uid / 4] = file.uid;
  words[at + o.gid / 4] = file.gid;
  words[at + o.rdev / 4] = file.rdev;
  words[at + o.blockSize / 4] = BLOCK_SIZE;
  words[at + o.attributeFlags / 4] = 0;
}

/**
 * Put the front of an entry into the reply, `offset` behind its header: which node it is, and for how many seconds the
 * guest may keep name and attributes. Returns where the attributes go, behind the header.
 */
export function putEntryFront(
  x: Exchange,
  offset: number,
  node: number,
  generation: number,
  entrySeconds: number,
  attributeSeconds: number,
): number {
  x.put64(offset + EntryOut.offsets.node, node);
  x.put64(offset + EntryOut.offsets.generation, generation);
  x.put64(offset + EntryOut.offsets.entryValid, entrySeconds);
  x.put64(offset + EntryOut.offsets.attributesValid, attributeSeconds);
  x.put64(offset + EntryOut.offsets.entryValidNanos, 0);
  return offset + ENTRY_ATTRIBUTES;
}

/**
 * Put an entry into the reply, `offset` behind its header. The guest may keep name and attributes for the given seconds.
 * Returns the body length.
 */
export function putEntry(
  x: Exchange,
  offset: number,
  file: FileAttributes,
  generation: number,
  entrySeconds: number,
  attributeSeconds: number,
): number {
  putAttributes(x, putEntryFront(x, offset, file.ino, generation, entrySeconds, attributeSeconds), file);
  return offset + EntryOut.size;
}

/** Say that there is no such name, and that the guest may remember so for the given seconds. Returns the body length. */
export function putNoEntry(x: Exchange, entrySeconds: number): number {
  x.clear(0, EntryOut.size);
  x.put64(EntryOut.offsets.entryValid, entrySeconds);
  return EntryOut.size;
}

/** The body of a reply to GETATTR and SETATTR. Returns its length. */
export function putAttributesReply(x: Exchange, file: FileAttributes, attributeSeconds: number): number {
  putAttributes(x, putAttributesFront(x, attributeSeconds), file);
  return AttributesOut.size;
}

/** The front of a reply to GETATTR and SETATTR. Returns where the attributes go, behind the header. */
export function putAttributesFront(x: Exchange, attributeSeconds: number): number {
  x.put64(AttributesOut.offsets.attributesValid, attributeSeconds);
  x.put64(AttributesOut.offsets.attributesValidNanos, 0);
  return REPLY_ATTRIBUTES;
}

/** Everything of struct statx that stat(2) has too, and the time of birth. */
const STATX_MASK = 0xfff;

/** The body of a reply to STATX. Returns its length. */
export function putStatxReply(x: Exchange, file: FileAttributes, attributeSeconds: number): number {
  const at = StatxOut.offsets;
  x.clear(0, StatxOut.size);
  x.put64(at.attributesValid, attributeSeconds);
  x.put32(at.mask, STATX_MASK);
  x.put32(at.blockSize, BLOCK_SIZE);
  x.put32(at.nlink, file.nlink);
  x.put32(at.uid, file.uid);
  x.put32(at.gid, file.gid);
  x.put32(at.mode, file.mode);
  x.put64(at.ino, file.ino);
  x.put64(at.size, file.size);
  x.put64(at.blocks, file.blocks);
  x.put64(at.atime, file.atime);
  x.put32(at.atimeNanos, file.atimeNanos);
  x.put64(at.btime, file.btime);
  x.put32(at.btimeNanos, file.btimeNanos);
  x.put64(at.ctime, file.ctime);
  x.put32(at.ctimeNanos, file.ctimeNanos);
  x.put64(at.mtime, file.mtime);
  x.put32(at.mtimeNanos, file.mtimeNanos);
  // A device number as the kernel encodes it: 12 bits of major number between two parts of the minor one.
  x.put32(at.rdevMajor, (file.rdev >> 8) & 0xfff);
  x.put32(at.rdevMinor, (file.rdev & 0xff) | ((file.rdev >> 12) & 0xfff00));
  return StatxOut.size;
}
