import {
  ATTRIBUTE_SUBMOUNT,
  Attributes,
  AttributesOut,
  EntryOut,
  type Exchange,
  InitFlag,
  OUT_HEADER,
  putAttributesFront,
  putEntryFront,
  putNoEntry,
  StatxOut,
} from '../../../../fuse/index.ts';
import { Errno, fileStatus, statusOf } from '../../../../sys/index.ts';
import { FileType, SET_GID, SET_UID } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';

const WORD = 2 ** 32;
const o = Attributes.offsets;
const from = fileStatus.words;

/**
 * How long the guest may go by the attributes of the file that `fileStatus` describes. Writing to a setuid or setgid file
 * takes these bits away without the guest's kernel being told: it asks anew each time.
 */
function attributeSeconds({ setup }: Share): number {
  const special = (fileStatus.mode & (SET_UID | SET_GID)) !== 0 && fileStatus.type === FileType.regular;
  return special ? 0 : setup.cache.attributeSeconds;
}

/** Put what `fileStatus` says into the reply as attributes of `inode`, `offset` behind its header. Words stay exact. */
function putAttributes(x: Exchange, offset: number, share: Share, inode: HostInode): void {
  const words = x.replyWords;
  const at = (OUT_HEADER + offset) >> 2;
  putIno(words, at, inode);
  words[at + 2] = from[10]!;
  words[at + 3] = from[11]!;
  words[at + 4] = from[12]!;
  words[at + 5] = from[13]!;
  words[at + 6] = from[16]!;
  words[at + 7] = from[17]!;
  words[at + 8] = from[28]!;
  words[at + 9] = from[29]!;
  words[at + 10] = from[24]!;
  words[at + 11] = from[25]!;
  words[at + 12] = from[18]!;
  words[at + 13] = from[30]!;
  words[at + 14] = from[26]!;
  words[at + 15] = fileStatus.mode;
  words[at + 16] = from[4]!;
  words[at + 17] = from[5]!;
  words[at + 18] = from[6]!;
  words[at + 19] = encodeDevice(from[32]!, from[33]!);
  words[at + o.blockSize / 4] = from[1]!;
  words[at + o.attributeFlags / 4] = beginsMount(share, inode) ? ATTRIBUTE_SUBMOUNT : 0;
}

/** The number that the guest sees: the host's own, or another one that it has been told before. */
function putIno(words: Uint32Array, at: number, { shownIno, inoLow, inoHigh }: HostInode): void {
  words[at] = shownIno ?? inoLow;
  words[at + 1] = shownIno === undefined ? inoHigh : shownIno / WORD;
}

/** A device number as the kernel encodes it: 12 bits of major number between two parts of the minor one. */
function encodeDevice(major: number, minor: number): number {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

/** Whether another file system is mounted on `inode`, and the guest's kernel wants to know. */
function beginsMount(share: Share, inode: HostInode): boolean {
  return (
    fileStatus.isMountRoot &&
    inode.type === FileType.directory &&
    inode !== share.root &&
    ((share.session?.flags ?? 0n) & InitFlag.submounts) !== 0n
  );
}

/** Answer with `inode`, which `fileStatus` describes and which is referenced once more; `offset` bytes into the body. */
export function answerEntry(x: Exchange, share: Share, inode: HostInode, offset = 0): number {
  const seconds = attributeSeconds(share);
  const { entrySeconds } = share.setup.cache;
  const at = putEntryFront(x, offset, inode.node, inode.generation, entrySeconds, seconds);
  putAttributes(x, at, share, inode);
  return offset + EntryOut.size;
}

/** Answer that there is no such name. */
export function answerNoEntry(x: Exchange, { setup: { cache } }: Share): number {
  return cache.entrySeconds === 0 ? -Errno.ENOENT : putNoEntry(x, cache.entrySeconds);
}

/** Answer with what there is to know about `inode`, by any descriptor of it. */
export function answerAttributes(x: Exchange, share: Share, inode: HostInode, fd: number): number {
  const error = statusOf(fd);
  if (error < 0) return error;
  putAttributes(x, putAttributesFront(x, attributeSeconds(share)), share, inode);
  return AttributesOut.size;
}

/** As `answerAttributes`, in the form of STATX. */
export function answerStatx(x: Exchange, share: Share, inode: HostInode, fd: number): number {
  const error = statusOf(fd);
  if (error < 0) return error;
  x.clear(0, StatxOut.size);
  x.put64(StatxOut.offsets.attributesValid, attributeSeconds(share));
  const at = (OUT_HEADER + StatxOut.offsets.mask) >> 2;
  // Up to the numbers of the device node it is struct statx as the kernel filled it in.
  for (let i = 0; i < 34; i++) x.replyWords[at + i] = from[i]!;
  putIno(x.replyWords, at + 8, inode);
  return StatxOut.size;
}
