import {
  DirectoryEntryOut,
  EntryOut,
  type Exchange,
  OpenIn,
  OpenOut,
  OUT_HEADER,
  putEntry,
  REPLY_SCRATCH,
  ReadIn,
  ReleaseIn,
} from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { OpenFlag } from '../tree/handles.ts';
import type { Inode } from '../tree/inode.ts';
import { nameToBytes } from '../tree/name.ts';
import { stampRead } from '../tree/times.ts';
import { answerEntry } from './answers.ts';
import { directoryAt, noDirectoryAt, openDirectoryAt, type Serving } from './serving.ts';

/** The names that every directory has, each with its place in the order. */
const SELF = { name: '.', cookie: 1 };
const PARENT = { name: '..', cookie: 2 };

/** OPENDIR. */
export function opendir(serving: Serving, x: Exchange): number {
  const inode = directoryAt(serving, x.node);
  if (inode === undefined) return noDirectoryAt(serving, x.node);
  if (!serving.fileSystem.canOpen) return -Errno.ENFILE;
  const directory = serving.fileSystem.openDirectory(inode, x.u32(OpenIn.offsets.flags));
  x.clear(0, OpenOut.size);
  x.put64(OpenOut.offsets.handle, directory.handle);
  return OpenOut.size;
}

/** RELEASEDIR. */
export function releasedir(serving: Serving, x: Exchange): number {
  const directory = openDirectoryAt(serving, x, x.u64(ReleaseIn.offsets.handle));
  if (directory === undefined) return -Errno.EBADF;
  serving.fileSystem.closeDirectory(directory);
  return 0;
}

/** READDIR: the names behind a position, as many as fit. */
export function readdir(serving: Serving, x: Exchange): number {
  return list(serving, x, false);
}

/** READDIRPLUS: with what each name stands for, as if it had been looked up. */
export function readdirplus(serving: Serving, x: Exchange): number {
  return list(serving, x, true);
}

function list(serving: Serving, x: Exchange, plus: boolean): number {
  const open = openDirectoryAt(serving, x, x.u64(ReadIn.offsets.handle));
  if (open === undefined) return -Errno.EBADF;
  const self = open.inode;
  const directory = self.directory!;
  const limit = Math.min(x.u32(ReadIn.offsets.size), x.room, REPLY_SCRATCH - OUT_HEADER);
  let length = 0;
  let position = Math.min(x.u64(ReadIn.offsets.offset), Number.MAX_SAFE_INTEGER);
  for (const { name, cookie } of [SELF, PARENT]) {
    if (cookie <= position) continue;
    const end = put(x, length, limit, name, cookie, name === SELF.name ? self : directory.parent, plus);
    if (end < 0) return length > 0 ? length : -Errno.EINVAL;
    length = end;
    position = cookie;
  }
  for (let index = directory.indexAfter(position); ; index++) {
    const entry = directory.at(index);
    if (entry === undefined) break;
    if (entry.inode === undefined) continue;
    const end = put(x, length, limit, entry.name, entry.cookie, entry.inode, plus);
    if (end < 0) {
      if (length === 0) return -Errno.EINVAL;
      break;
    }
    length = end;
    position = entry.cookie;
  }
  open.position = Math.min(position, Number.MAX_SAFE_INTEGER);
  if ((open.flags & OpenFlag.noAtime) === 0) stampRead(self, serving.fileSystem.clock);
  return length;
}

/** Put one name at `at` in the body. Returns where it ends, or -1 and nothing done where it is beyond `limit`. */
function put(
  x: Exchange,
  at: number,
  limit: number,
  name: string,
  cookie: number,
  inode: Inode,
  plus: boolean,
): number {
  const record = plus ? at + EntryOut.size : at;
  const start = record + DirectoryEntryOut.size;
  const end = Math.ceil((start + name.length) / 8) * 8;
  if (end > limit) return -1;
  if (plus) {
    // The guest has references to `.` and `..` anyway, and takes none back for these.
    if (cookie > PARENT.cookie) answerEntry(x, inode, at);
    else {
      putEntry(x, at, inode, inode.generation, 0, 0);
      x.put64(at + EntryOut.offsets.node, 0);
    }
  }
  const o = DirectoryEntryOut.offsets;
  x.put64(record + o.ino, inode.ino);
  x.put64(record + o.cookie, cookie);
  x.put32(record + o.nameLength, name.length);
  x.put32(record + o.type, inode.mode >> 12);
  x.put64(end - 8, 0);
  nameToBytes(name, x.reply, OUT_HEADER + start);
  return end;
}
