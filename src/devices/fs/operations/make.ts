import { CreateIn, EntryOut, type Exchange, LinkIn, MkdirIn, MknodIn } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import { SYMLINK_MAX } from '../limits.ts';
import type { DirectoryEntry } from '../tree/directory.ts';
import { OpenFlag } from '../tree/handles.ts';
import { FileType, type Inode, PERMISSIONS, SET_GID } from '../tree/inode.ts';
import { nameFromBytes } from '../tree/name.ts';
import { stampChanged, stampModified } from '../tree/times.ts';
import { answerEntry } from './answers.ts';
import { answerOpen, openExisting } from './open.ts';
import { groupWithin } from './privileges.ts';
import { hasRoomFor, setBirthAttributes, takeSecurityContexts } from './security.ts';
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
 * A new file in `parent`, or with `named` false one without a name, made by the caller of the request; what is left of
 * the request are its extensions. Owner, group and setgid as Linux gives them. Returns a negative errno where it cannot
 * be made.
 */
function make(serving: Serving, x: Exchange, parent: Inode, mode: number, named: boolean): Inode | number {
  const { fileSystem } = serving;
  const { nameStart, nameLength } = x;
  if (parent.nlink === 0) return -Errno.ENOENT;
  const attributes = takeSecurityContexts(x);
  if (typeof attributes === 'number') return attributes;
  if (!fileSystem.hasRoom || !hasRoomFor(fileSystem, attributes)) return -Errno.ENOSPC;
  const inherits = (parent.mode & SET_GID) !== 0;
  const isDirectory = (mode & FileType.mask) === FileType.directory;
  const inode = fileSystem.createInode(
    inherits && isDirectory ? mode | SET_GID : mode,
    x.uid,
    groupWithin(parent, x.gid),
  );
  setBirthAttributes(fileSystem, inode, attributes);
  if (named) {
    fileSystem.link(parent, nameFromBytes(x.bytes, nameStart, nameLength), inode);
    stampModified(parent, fileSystem.clock);
  }
  return inode;
}

/** Take a name that is to be made in the directory the request is about. Returns the directory or a negative errno. */
function takeFreeName(serving: Serving, x: Exchange): Inode | number {
  const parent = takeParentAndName(serving, x);
  if (typeof parent === 'number') return parent;
  return entryNamed(x, parent) === undefined ? parent : -Errno.EEXIST;
}

function takeParentAndName(serving: Serving, x: Exchange): Inode | number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  const error = x.takeNewName();
  return error === 0 ? parent : error;
}

function entryNamed(x: Exchange, parent: Inode): DirectoryEntry | undefined {
  return parent.directory!.find(x.bytes, x.nameStart, x.nameLength);
}

/** MKNOD: an empty file, a pipe, a socket or a device node; what it stands for is the guest's matter. */
export function mknod(serving: Serving, x: Exchange): number {
  const at = MknodIn.offsets;
  const mode = x.u32(at.mode);
  const type = mode & FileType.mask || FileType.regular;
  if (!NODES.has(type)) return -Errno.EINVAL;
  x.skip(MknodIn.size);
  const parent = takeFreeName(serving, x);
  if (typeof parent === 'number') return parent;
  const inode = make(serving, x, parent, type | (mode & PERMISSIONS & ~x.u32(at.umask)), true);
  if (typeof inode === 'number') return inode;
  if (type === FileType.character || type === FileType.block) inode.rdev = x.u32(at.rdev);
  return answerEntry(x, inode);
}

/** MKDIR. */
export function mkdir(serving: Serving, x: Exchange): number {
  const at = MkdirIn.offsets;
  x.skip(MkdirIn.size);
  const parent = takeFreeName(serving, x);
  if (typeof parent === 'number') return parent;
  const permissions = x.u32(at.mode) & PERMISSIONS & ~x.u32(at.umask);
  const inode = make(serving, x, parent, FileType.directory | permissions, true);
  return typeof inode === 'number' ? inode : answerEntry(x, inode);
}

/** SYMLINK. */
export function symlink(serving: Serving, x: Exchange): number {
  const parent = takeFreeName(serving, x);
  if (typeof parent === 'number') return parent;
  const { nameStart, nameLength } = x;
  const error = x.takeString();
  if (error !== 0) return error;
  if (x.nameLength === 0) return -Errno.ENOENT;
  if (x.nameLength > SYMLINK_MAX) return -Errno.ENAMETOOLONG;
  const target = x.bytes.slice(x.nameStart, x.nameStart + x.nameLength);
  x.nameStart = nameStart;
  x.nameLength = nameLength;
  const inode = make(serving, x, parent, FileType.symlink | 0o777, true);
  if (typeof inode === 'number') return inode;
  inode.target = target;
  return answerEntry(x, inode);
}

/** LINK: a further name for a file. */
export function link(serving: Serving, x: Exchange): number {
  const { fileSystem } = serving;
  const inode = fileSystem.inodes.get(x.u64(LinkIn.offsets.node));
  if (inode === undefined) return -Errno.ESTALE;
  if (inode.directory !== undefined) return -Errno.EPERM;
  x.skip(LinkIn.size);
  const parent = takeFreeName(serving, x);
  if (typeof parent === 'number') return parent;
  if (parent.nlink === 0) return -Errno.ENOENT;
  if (inode.nlink > 0 && !fileSystem.hasRoom) return -Errno.ENOSPC;
  fileSystem.link(parent, nameFromBytes(x.bytes, x.nameStart, x.nameLength), inode);
  fileSystem.clock.tick();
  stampModified(parent, fileSystem.clock);
  stampChanged(inode, fileSystem.clock);
  return answerEntry(x, inode);
}

/** CREATE: make a file and open it; or, unless O_EXCL is given, open the one that is there. */
export function create(serving: Serving, x: Exchange): number {
  const at = CreateIn.offsets;
  const flags = x.u32(at.flags);
  x.skip(CreateIn.size);
  const parent = takeParentAndName(serving, x);
  if (typeof parent === 'number') return parent;
  const existing = entryNamed(x, parent)?.inode;
  if (existing !== undefined) {
    if (flags & OpenFlag.exclusive) return -Errno.EEXIST;
    const opened = openExisting(serving, x, existing, flags, x.u32(at.openFlags), EntryOut.size);
    if (opened > 0) answerEntry(x, existing);
    return opened;
  }
  if (!serving.fileSystem.canOpen) return -Errno.ENFILE;
  const inode = make(serving, x, parent, newFileMode(x), true);
  return typeof inode === 'number' ? inode : answerNewFile(serving, x, inode);
}

/** TMPFILE: open a file that has no name, yet or ever. The name in the request means nothing. */
export function tmpfile(serving: Serving, x: Exchange): number {
  const parent = directoryAt(serving, x.node);
  if (parent === undefined) return noDirectoryAt(serving, x.node);
  x.skip(CreateIn.size);
  const error = x.takeString();
  if (error !== 0) return error;
  if (!serving.fileSystem.canOpen) return -Errno.ENFILE;
  const inode = make(serving, x, parent, newFileMode(x), false);
  return typeof inode === 'number' ? inode : answerNewFile(serving, x, inode);
}

function newFileMode(x: Exchange): number {
  const at = CreateIn.offsets;
  return FileType.regular | (x.u32(at.mode) & PERMISSIONS & ~x.u32(at.umask));
}

function answerNewFile(serving: Serving, x: Exchange, inode: Inode): number {
  answerEntry(x, inode);
  return answerOpen(serving, x, inode, x.u32(CreateIn.offsets.flags), EntryOut.size);
}
