import {
  DirectoryEntryOut,
  EntryOut,
  type Exchange,
  OUT_HEADER,
  REPLY_SCRATCH,
  ReadIn,
} from '../../../../fuse/index.ts';
import { Errno, fileScratch, fileStatus, readEntries, seekFile, statusAt } from '../../../../sys/index.ts';
import { nameToBytes } from '../../tree/name.ts';
import type { CarriedListing, HostDirectory } from '../handles.ts';
import type { Share } from '../share.ts';
import { answerEntry } from './answers.ts';
import { inodeNamed } from './names.ts';
import type { Serving } from './serving.ts';

/*
 * struct linux_dirent64: 64 bits of inode number, 64 bits of the position behind it, 16 bits of length of the whole, 8 bits
 * of type, and the name with a closing NUL; padded to 8 bytes.
 */
const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;

/** Bytes of the longest entry as the host has it. */
const LONGEST = 280;

/** Bytes that the host's entries take at least, for each byte that they take in the reply. */
const SHARE_PLAIN = 0.75;
const SHARE_PLUS = 0.15;

const SEEK_SET = 0;
const DOT = 0x2e;
const buffer = fileScratch.buffer;

/** The entry that is put into a reply next: what is called what, and the position behind it. */
const entry = {
  bytes: buffer.bytes,
  start: 0,
  length: 0,
  /** Where the name lies, closed by a NUL. */
  address: 0,
  inoLow: 0,
  inoHigh: 0,
  positionLow: 0,
  positionHigh: 0,
  /** As in the mode of a file, shifted. */
  type: 0,
};

/** READDIR: the names behind a position, as many as fit. */
export function readdir(serving: Serving, x: Exchange): number {
  return list(serving, x, false);
}

/** READDIRPLUS: with what each name stands for, as if it had been looked up. */
export function readdirplus(serving: Serving, x: Exchange): number {
  return list(serving, x, true);
}

function list({ fileSystem: share }: Serving, x: Exchange, plus: boolean): number {
  const open = share.directoryOf(x.node, x.u64(ReadIn.offsets.handle));
  if (open === undefined) return -Errno.EBADF;
  if (open.fd < 0) return -Errno.EIO;
  const limit = Math.min(x.u32(ReadIn.offsets.size), x.room, REPLY_SCRATCH - OUT_HEADER);
  const low = x.u32(ReadIn.offsets.offset);
  const high = x.u32(ReadIn.offsets.offset + 4);
  if (open.carried !== undefined) {
    if (low !== 0 || high !== 0) return listCarried(x, share, open, open.carried, limit, plus);
    open.carried = undefined;
  }
  const moved = seekTo(open, low, high);
  return moved < 0 ? moved : listHost(x, share, open, limit, plus);
}

/** Let the descriptor stand where the guest wants to go on; it mostly does. */
function seekTo(open: HostDirectory, low: number, high: number): number {
  if (open.positionLow === low && open.positionHigh === high) return 0;
  const result = seekFile(open.fd, BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)), SEEK_SET);
  if (result < 0) return result;
  open.positionLow = low;
  open.positionHigh = high;
  return 0;
}

function listHost(x: Exchange, share: Share, open: HostDirectory, limit: number, plus: boolean): number {
  const part = plus ? SHARE_PLUS : SHARE_PLAIN;
  let length = 0;
  for (;;) {
    // Not more than fits: what is read and does not fit has to be read again.
    const size = Math.max(LONGEST, Math.min(Math.floor((limit - length) * part), buffer.bytes.length));
    const count = readEntries(open.fd, buffer.address, size);
    if (count < 0) return length > 0 ? length : count;
    if (count === 0) return length;
    for (
      let at = 0;
      at < count;
      at += buffer.bytes[at + LENGTH_AT]! + buffer.bytes[at + LENGTH_AT + 1]! * 256
    ) {
      takeEntry(share, open, at);
      const end = put(x, share, open, length, limit, plus);
      if (end < 0) return stopShort(open, length);
      length = end;
      open.positionLow = entry.positionLow;
      open.positionHigh = entry.positionHigh;
    }
    if (limit - length < LONGEST) return length;
  }
}

/** Go back to where the last entry that fitted ends: the descriptor is behind others by now. */
function stopShort(open: HostDirectory, length: number): number {
  const position = (BigInt(open.positionHigh) << 32n) | BigInt(open.positionLow);
  const result = seekFile(open.fd, BigInt.asIntN(64, position), SEEK_SET);
  if (result < 0) return result;
  return length > 0 ? length : -Errno.EINVAL;
}

/** Take the host's entry at `at` in the buffer. */
function takeEntry({ root }: Share, open: HostDirectory, at: number): void {
  const { bytes, words } = buffer;
  const word = at >> 2;
  let end = at + NAME_AT;
  while (bytes[end] !== 0) end++;
  entry.bytes = bytes;
  entry.start = at + NAME_AT;
  entry.length = end - entry.start;
  entry.address = buffer.address + entry.start;
  entry.inoLow = words[word]!;
  entry.inoHigh = words[word + 1]!;
  entry.positionLow = words[word + 2]!;
  entry.positionHigh = words[word + 3]!;
  entry.type = bytes[at + TYPE_AT]!;
  // What is above the shared directory is not the guest's to know.
  if (open.inode !== root || dotsOf() !== 2) return;
  entry.inoLow = root.inoLow;
  entry.inoHigh = root.inoHigh;
}

/** How many dots the name of the entry consists of: 1 and 2 mean the directory itself and the one above. */
function dotsOf(): number {
  const { bytes, start, length } = entry;
  if (length > 2 || bytes[start] !== DOT) return 0;
  return length === 1 ? 1 : bytes[start + 1] === DOT ? 2 : 0;
}

/** List what was carried from another file system, whose positions mean nothing here, as far as it is here. */
function listCarried(
  x: Exchange,
  share: Share,
  open: HostDirectory,
  { cookies, names }: CarriedListing,
  limit: number,
  plus: boolean,
): number {
  const after = x.big(ReadIn.offsets.offset);
  const same = cookies.indexOf(after);
  let index = same < 0 ? cookies.findIndex((cookie) => cookie > after) : same + 1;
  let length = 0;
  for (; index >= 0 && index < names.length; index++) {
    if (!takeCarried(share, open, names[index]!, cookies[index]!)) continue;
    const end = put(x, share, open, length, limit, plus);
    if (end < 0) return length > 0 ? length : -Errno.EINVAL;
    length = end;
  }
  return length;
}

/** Take a name that was carried. False where there is no such file any more. */
function takeCarried(share: Share, open: HostDirectory, name: string, cookie: bigint): boolean {
  const { bytes, address } = fileScratch.name;
  nameToBytes(name, bytes, 0);
  bytes[name.length] = 0;
  entry.bytes = bytes;
  entry.start = 0;
  entry.length = name.length;
  entry.address = address;
  const above = open.inode === share.root && dotsOf() === 2;
  if (above) entry.length = 1;
  bytes[entry.length] = 0;
  if (statusAt(open.fd, address) < 0) return false;
  if (above) bytes[entry.length++] = DOT;
  entry.inoLow = fileStatus.inoLow;
  entry.inoHigh = fileStatus.inoHigh;
  entry.positionLow = Number(BigInt.asUintN(32, cookie));
  entry.positionHigh = Number(BigInt.asUintN(32, cookie >> 32n));
  entry.type = fileStatus.type >> 12;
  return true;
}

/** Put the entry at `at` in the body. Returns where it ends, or -1 and nothing done where it is beyond `limit`. */
function put(
  x: Exchange,
  share: Share,
  open: HostDirectory,
  at: number,
  limit: number,
  plus: boolean,
): number {
  const record = plus ? at + EntryOut.size : at;
  const start = record + DirectoryEntryOut.size;
  const end = Math.ceil((start + entry.length) / 8) * 8;
  if (end > limit) return -1;
  if (plus) putPlus(x, share, open, at);
  const o = DirectoryEntryOut.offsets;
  const words = x.replyWords;
  const word = (OUT_HEADER + record) >> 2;
  // What is between the name and the next entry.
  x.put64(end - 8, 0);
  words[word] = entry.inoLow;
  words[word + 1] = entry.inoHigh;
  words[word + o.cookie / 4] = entry.positionLow;
  words[word + o.cookie / 4 + 1] = entry.positionHigh;
  words[word + o.nameLength / 4] = entry.length;
  words[word + o.type / 4] = entry.type;
  for (let i = 0; i < entry.length; i++) x.reply[OUT_HEADER + start + i] = entry.bytes[entry.start + i]!;
  return end;
}

/**
 * Put what the entry stands for. The guest has references to `.` and `..` anyway and takes none back for these; what has
 * gone meanwhile, or cannot be opened, has no node either, and the guest looks it up by itself.
 */
function putPlus(x: Exchange, share: Share, open: HostDirectory, at: number): void {
  const inode = dotsOf() > 0 ? undefined : inodeNamed(share, open.fd, entry.address);
  if (inode === undefined || typeof inode === 'number') {
    x.clear(at, EntryOut.size);
    return;
  }
  inode.lookups++;
  share.inodes.place(inode, open.inode, entry.bytes, entry.start, entry.length);
  answerEntry(x, share, inode, at);
}
