import { CreateIn, EntryOut, type Exchange, LinkIn, MkdirIn, MknodIn } from '../../../../fuse/index.ts';
import {
  closeFile,
  Errno,
  fileScratch,
  makeDirectory,
  makeLink,
  makeNode,
  makeSymlink,
  OpenMode,
  openBeneath,
  statusOf,
} from '../../../../sys/index.ts';
import { SYMLINK_MAX } from '../../limits.ts';
import { OpenFlag } from '../../tree/handles.ts';
import { FileType, PERMISSIONS } from '../../tree/inode.ts';
import { hostFlags } from '../handles.ts';
import type { HostInode } from '../inode.ts';
import { answerEntry } from './answers.ts';
import { asCaller } from './caller.ts';
import { lookUp } from './names.ts';
import { openExisting, putOpened } from './open.ts';
import { directoryAt, noDirectoryAt, type Serving } from './serving.ts';

/** Types that MKNOD can make. */
const NODES: ReadonlySet<number> = new Set([
  FileType.regular,
  FileType.fifo,
  FileType.socket,
  FileType.character,
  FileType.block,
]);

/**
 * Make what `maker` makes, under the name that comes next in the directory that the request is about, and answer with it.
 */
function makeNamed(serving: Serving, x: Exchange, maker: (dir: number, x: Exchange) => number): number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const error = x.takeNewName();
  return error < 0 ? error : makeIn(serving, x, parent, maker);
}

function makeIn(
  { fileSystem: share }: Serving,
  x: Exchange,
  parent: HostInode,
  maker: (dir: number, x: Exchange) => number,
): number {
  const dir = share.inodes.descriptor(parent);
  if (dir < 0) return dir;
  if (!share.inodes.hasRoom) return -Errno.ENFILE;
  const result = asCaller(share, x, dir, maker);
  if (result < 0) return result;
  const inode = lookUp(share, x, parent, dir);
  return typeof inode === 'number' ? inode : answerEntry(x, share, inode);
}

function mknodAt(dir: number, x: Exchange): number {
  const { mode, rdev } = MknodIn.offsets;
  return makeNode(dir, x.nameAddress, modeIn(x, mode, MknodIn.offsets.umask, FileType.mask), x.u32(rdev));
}

/** MKNOD: an empty file, a pipe, a socket or a device node. */
export function mknod(serving: Serving, x: Exchange): number {
  const type = x.u32(MknodIn.offsets.mode) & FileType.mask || FileType.regular;
  if (!NODES.has(type)) return -Errno.EINVAL;
  x.skip(MknodIn.size);
  return makeNamed(serving, x, mknodAt);
}

function mkdirAt(dir: number, x: Exchange): number {
  return makeDirectory(dir, x.nameAddress, modeIn(x, MkdirIn.offsets.mode, MkdirIn.offsets.umask));
}

/** MKDIR. */
export function mkdir(serving: Serving, x: Exchange): number {
  x.skip(MkdirIn.size);
  return makeNamed(serving, x, mkdirAt);
}

/** A mode within a request, with the permissions left that its mask leaves, and of the type what `type` covers. */
function modeIn(x: Exchange, mode: number, umask: number, type = 0): number {
  return x.u32(mode) & (type | (PERMISSIONS & ~x.u32(umask)));
}

/** SYMLINK. */
export function symlink(serving: Serving, x: Exchange): number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const refused = x.takeNewName();
  if (refused < 0) return refused;
  const { nameStart, nameLength } = x;
  const error = x.takeString();
  if (error < 0) return error;
  if (x.nameLength === 0) return -Errno.ENOENT;
  if (x.nameLength > SYMLINK_MAX) return -Errno.ENAMETOOLONG;
  x.nameStart = nameStart;
  x.nameLength = nameLength;
  return makeIn(serving, x, parent, symlinkAt);
}

/** The target lies behind the name and its NUL. */
function symlinkAt(dir: number, x: Exchange): number {
  return makeSymlink(x.nameAddress + x.nameLength + 1, dir, x.nameAddress);
}

/** LINK: a further name for a file. */
export function link(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const inode = share.inodes.get(x.u64(LinkIn.offsets.node));
  if (inode === undefined) return -Errno.ESTALE;
  if (inode.type === FileType.directory) return -Errno.EPERM;
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  x.skip(LinkIn.size);
  const error = x.takeNewName();
  if (error < 0) return error;
  const fd = share.inodes.descriptor(inode);
  const dir = share.inodes.descriptor(parent);
  if (fd < 0 || dir < 0) return Math.min(fd, dir);
  const result = makeLink(fd, dir, x.nameAddress);
  if (result < 0) return result;
  statusOf(fd);
  inode.lookups++;
  share.inodes.place(inode, parent, x.bytes, x.nameStart, x.nameLength);
  return answerEntry(x, share, inode);
}

/** The flags that a new file is opened with. */
function newFileFlags(x: Exchange): number {
  return hostFlags(x.u32(CreateIn.offsets.flags)) | OpenMode.create | OpenMode.exclusive | OpenMode.noFollow;
}

function createAt(dir: number, x: Exchange): number {
  const { mode, umask } = CreateIn.offsets;
  return openBeneath(dir, x.nameAddress, newFileFlags(x), modeIn(x, mode, umask));
}

/** CREATE: make a file and open it; or, unless O_EXCL is given, open the one that is there. */
export function create(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  x.skip(CreateIn.size);
  const error = x.takeNewName();
  if (error < 0) return error;
  const dir = share.inodes.descriptor(parent);
  if (dir < 0) return dir;
  if (!share.inodes.hasRoom) return -Errno.ENFILE;
  const fd = asCaller(share, x, dir, createAt);
  if (fd === -Errno.EEXIST && (x.u32(CreateIn.offsets.flags) & OpenFlag.exclusive) === 0)
    return openNamed(serving, x, parent, dir);
  if (fd < 0) return fd;
  const inode = newInode(serving, fd);
  if (typeof inode === 'number') return inode;
  share.inodes.place(inode, parent, x.bytes, x.nameStart, x.nameLength);
  return answerNewFile(serving, x, inode, fd);
}

/** Open the file that has the name already. */
function openNamed(serving: Serving, x: Exchange, parent: HostInode, dir: number): number {
  const { fileSystem: share } = serving;
  const inode = lookUp(share, x, parent, dir);
  if (typeof inode === 'number') return inode;
  const { flags, openFlags } = CreateIn.offsets;
  const opened = openExisting(serving, x, inode, x.u32(flags), x.u32(openFlags), EntryOut.size);
  const fd = share.inodes.descriptor(inode);
  if (opened < 0 || fd < 0 || statusOf(fd) < 0) share.forget(inode.node, 1);
  else answerEntry(x, share, inode);
  return opened;
}

function tmpfileAt(dir: number, x: Exchange): number {
  const { flags, mode, umask } = CreateIn.offsets;
  const exclusive = x.u32(flags) & OpenFlag.exclusive;
  const open = hostFlags(x.u32(flags)) | exclusive | OpenMode.temporary | OpenMode.directory;
  return openBeneath(dir, fileScratch.dot.address, open, modeIn(x, mode, umask));
}

/** TMPFILE: open a file that has no name, yet or ever. The name in the request means nothing. */
export function tmpfile(serving: Serving, x: Exchange): number {
  const { fileSystem: share } = serving;
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  x.skip(CreateIn.size);
  const error = x.takeString();
  if (error < 0) return error;
  const dir = share.inodes.descriptor(parent);
  if (dir < 0) return dir;
  if (!share.inodes.hasRoom) return -Errno.ENFILE;
  const fd = asCaller(share, x, dir, tmpfileAt);
  if (fd < 0) return fd;
  const inode = newInode(serving, fd);
  if (typeof inode === 'number') return inode;
  inode.removed = true;
  return answerNewFile(serving, x, inode, fd);
}

/** The inode of the file that has just been made and opened by `fd`, referenced once; else `fd` is closed. */
function newInode({ fileSystem: { inodes } }: Serving, fd: number): HostInode | number {
  const error = statusOf(fd);
  if (error < 0) {
    closeFile(fd);
    return error;
  }
  const inode = inodes.find() ?? inodes.add(-1);
  inode.lookups++;
  return inode;
}

function answerNewFile({ fileSystem: share }: Serving, x: Exchange, inode: HostInode, fd: number): number {
  answerEntry(x, share, inode);
  const file = share.openFile(inode, x.u32(CreateIn.offsets.flags), fd);
  inode.opened = file;
  return putOpened(x, share, file, EntryOut.size);
}
