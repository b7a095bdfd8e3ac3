import { fileScratch } from './file-scratch.ts';
import { close as closeFd, errno } from './libc.ts';
import * as libc from './libc-files.ts';

/**
 * Calls on files and directories by descriptor. Names and buffers are addresses of mapped memory; a result is what the
 * kernel returned, or a negative errno. Nothing is allocated, nothing is thrown.
 */

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;

const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;

/** struct statx as far as stat(2) has it too, and the time of birth. */
const STATX_FIELDS = 0xfff;

const { empty, how, handle, link, offsets, status, times, vectors } = fileScratch;

/** Flags of open(2) that are the same for every architecture, and those that are not. */
const arm = process.arch === 'arm64';
export const OpenMode = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  accessMode: 3,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  nonBlock: 0o4000,
  dataSync: 0o10000,
  sync: 0o4010000,
  directory: arm ? 0o40000 : 0o200000,
  noFollow: arm ? 0o100000 : 0o400000,
  noAtime: 0o1000000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
  /** O_TMPFILE without the O_DIRECTORY that goes with it. */
  temporary: 0o20000000,
} as const;

function answer(result: number): number {
  return result < 0 ? -errno() : result;
}

how.words[4] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/**
 * Open what `name` is in the directory `dir`, or make it, close-on-exec: openat2(2), which is told not to leave the
 * directory and to follow no link of any kind. With O_PATH and O_NOFOLLOW a symbolic link itself is opened.
 */
export function openBeneath(dir: number, name: number, flags: number, mode = 0): number {
  how.words[0] = flags | OpenMode.closeOnExec;
  how.words[2] = mode;
  return answer(libc.openat2(dir, name, how.address, 24));
}

/** Open the directory at `path`, a text, with O_PATH; links in it are followed: it is the operator's. */
export function openPath(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length >= fileScratch.buffer.bytes.length) return -ENAMETOOLONG;
  fileScratch.buffer.bytes.set(bytes);
  fileScratch.buffer.bytes[bytes.length] = 0;
  const flags = OpenMode.path | OpenMode.directory | OpenMode.closeOnExec;
  return answer(libc.openat(AT_FDCWD, fileScratch.buffer.address, flags, 0));
}

const ENAMETOOLONG = 36;
const LINK_PREFIX = Buffer.from('/proc/self/fd/');
link.bytes.set(LINK_PREFIX);

/** The path by which the kernel reaches what descriptor `fd` is open on, whatever its name is by now. */
function linkOf(fd: number): number {
  let digits = 1;
  for (let rest = fd; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let at = LINK_PREFIX.length + digits;
  link.bytes[at] = 0;
  for (let rest = fd; at > LINK_PREFIX.length; rest = Math.floor(rest / 10))
    link.bytes[--at] = 0x30 + (rest % 10);
  return link.address;
}

/**
 * Open once more what `fd` is open on, with other flags, close-on-exec. What type of file it is has to be known: opening a
 * device or a pipe has effects.
 */
export function reopen(fd: number, flags: number): number {
  return answer(libc.openat(AT_FDCWD, linkOf(fd), flags | OpenMode.closeOnExec, 0));
}

/** Close a descriptor. */
export function closeFile(fd: number): void {
  closeFd(fd);
}

/** Put what there is to know about an open file into `fileStatus`. */
export function statusOf(fd: number): number {
  return answer(libc.statx(fd, empty.address, AT_EMPTY_PATH, STATX_FIELDS, status.address));
}

/** Put what there is to know about `name` in the directory `dir` into `fileStatus`; links are not followed. */
export function statusAt(dir: number, name: number): number {
  return answer(libc.statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_FIELDS, status.address));
}

/** preadv(2) into `count` of the pieces in `fileScratch.vectors`. */
export function readVectors(fd: number, count: number, offset: number): number {
  return answer(libc.preadv(fd, vectors.address, count, offset));
}

/** pwritev(2) from `count` of the pieces in `fileScratch.vectors`. */
export function writeVectors(fd: number, count: number, offset: number): number {
  return answer(libc.pwritev(fd, vectors.address, count, offset));
}

const RWF_APPEND = 0x10;

/** As `writeVectors`, at the end of the file, wherever that is by now. */
export function appendVectors(fd: number, count: number): number {
  return answer(libc.pwritev2(fd, vectors.address, count, 0, RWF_APPEND));
}

/** mkdir(2). */
export function makeDirectory(dir: number, name: number, mode: number): number {
  return answer(libc.mkdirat(dir, name, mode));
}

/** mknod(2); `device` as the FUSE protocol and the kernel encode it. */
export function makeNode(dir: number, name: number, mode: number, device: number): number {
  return answer(libc.mknodat(dir, name, mode, device));
}

/** A further name for what `fd` is open on: link(2). */
export function makeLink(fd: number, dir: number, name: number): number {
  return answer(libc.linkat(AT_FDCWD, linkOf(fd), dir, name, AT_SYMLINK_FOLLOW));
}

/** symlink(2): `target` is the address of a text that is closed by a NUL. */
export function makeSymlink(target: number, dir: number, name: number): number {
  return answer(libc.symlinkat(target, dir, name));
}

/** unlink(2), or rmdir(2) for a directory. */
export function removeName(dir: number, name: number, directory: boolean): number {
  return answer(libc.unlinkat(dir, name, directory ? AT_REMOVEDIR : 0));
}

/** renameat2(2). */
export function moveName(dir: number, name: number, newDir: number, newName: number, flags: number): number {
  return answer(libc.renameat2(dir, name, newDir, newName, flags));
}

/** Where the symbolic link `fd` points to: at most `size` bytes at `into`. Returns how many. */
export function readLink(fd: number, into: number, size: number): number {
  return answer(libc.readlinkat(fd, empty.address, into, size));
}

/** chmod(2) on an open file of any kind but a symbolic link, which has no mode. */
export function changeMode(fd: number, mode: number): number {
  return answer(libc.fchmodat(AT_FDCWD, linkOf(fd), mode, 0));
}

/** chown(2) on an open file; 2^32-1 leaves an owner or group as it is. */
export function changeOwner(fd: number, uid: number, gid: number): number {
  return answer(libc.fchownat(fd, empty.address, uid, gid, AT_EMPTY_PATH));
}

/** utimensat(2) with the two times in `fileScratch.times`. */
export function changeTimes(fd: number): number {
  return answer(libc.utimensat(fd, empty.address, times.address, AT_EMPTY_PATH));
}

/** ftruncate(2). */
export function truncateFile(fd: number, size: number): number {
  return answer(libc.ftruncate(fd, size));
}

/** fallocate(2). */
export function allocateFile(fd: number, mode: number, offset: number, length: number): number {
  return answer(libc.fallocate(fd, mode, offset, length));
}

/** fsync(2), or fdatasync(2) where times need not be written. */
export function syncFile(fd: number, dataOnly: boolean): number {
  return answer(dataOnly ? libc.fdatasync(fd) : libc.fsync(fd));
}

/** syncfs(2): all of the file system that `fd` lies in. */
export function syncFileSystem(fd: number): number {
  return answer(libc.syncfs(fd));
}

/** fstatfs(2) into `fileScratch.fileSystem`. */
export function fileSystemStatus(fd: number): number {
  return answer(libc.fstatfs(fd, fileScratch.fileSystem.address));
}

/** lseek(2): the offset that was reached. */
export function seekFile(fd: number, offset: number | bigint, whence: number): number {
  return answer(Number(libc.lseek(fd, offset, whence)));
}

/** copy_file_range(2) between two offsets. */
export function copyRange(
  from: number,
  offset: number,
  to: number,
  toOffset: number,
  length: number,
): number {
  setWide(offsets.words, 0, offset);
  setWide(offsets.words, 2, toOffset);
  return answer(libc.copyFileRange(from, offsets.address, to, offsets.address + 8, length, 0));
}

function setWide(words: Uint32Array, index: number, value: number): void {
  words[index] = value;
  words[index + 1] = Math.floor(value / 2 ** 32);
}

/** getdents64(2): entries of the open directory `fd`, from its position on. */
export function readEntries(fd: number, into: number, size: number): number {
  return answer(libc.getdents64(fd, into, size));
}

/** The value of an extended attribute, or with `size` 0 its length. */
export function readAttribute(fd: number, name: number, into: number, size: number): number {
  return answer(libc.getxattr(linkOf(fd), name, into, size));
}

/** setxattr(2). */
export function writeAttribute(fd: number, name: number, value: number, size: number, flags: number): number {
  return answer(libc.setxattr(linkOf(fd), name, value, size, flags));
}

/** The names of all extended attributes, each closed by a NUL, or with `size` 0 their length. */
export function listAttributes(fd: number, into: number, size: number): number {
  return answer(libc.listxattr(linkOf(fd), into, size));
}

/** removexattr(2). */
export function removeAttribute(fd: number, name: number): number {
  return answer(libc.removexattr(linkOf(fd), name));
}

/** Bytes that a file handle has at most. */
const MAX_HANDLE = 128;

/**
 * What the file system itself calls an open file: put into `fileScratch.handle`, length and type first. Returns the bytes
 * in all. Needs no privilege; -EOPNOTSUPP where the file system has no such thing.
 */
export function takeFileHandle(fd: number): number {
  handle.words[0] = MAX_HANDLE;
  const result = answer(
    libc.nameToHandleAt(fd, empty.address, handle.address, handle.address + 8 + MAX_HANDLE, AT_EMPTY_PATH),
  );
  return result < 0 ? result : 8 + handle.words[0]!;
}

/** Open a file by the handle in `fileScratch.handle`. Needs CAP_DAC_READ_SEARCH. `mount` is any file beside it. */
export function openFileHandle(mount: number, flags: number): number {
  return answer(libc.openByHandleAt(mount, handle.address, flags | OpenMode.closeOnExec));
}
