/** What the agent in a test guest can do: the arguments of each command. */
/** A number that the host chooses for an open file of one actor: 0 to 32767. */
export type Handle = number;

export type LockType = 'read' | 'write' | 'unlock';
type LockRequest = [handle: Handle, type: LockType, start: number, length: number];

/** Arguments, by command. Byte strings are hex, offsets that only the file system understands bigint. */
export interface CommandArguments {
  open: [handle: Handle, path: string, flags: number, mode?: number];
  /** Opens `prefix0`, `prefix1`, … as handles `first`, `first + 1`, …. */
  openmany: [first: Handle, count: number, prefix: string, flags: number, mode?: number];
  close: [handle: Handle];
  closemany: [first: Handle, count: number];
  pread: [handle: Handle, offset: number, length: number];
  read: [handle: Handle, length: number];
  /** At most 16 KiB, and about 20 kB/s go in: larger contents with `fill`. */
  pwrite: [handle: Handle, offset: number, hex: string];
  write: [handle: Handle, hex: string];
  /** Whence: 0 SET, 1 CUR, 2 END, 3 DATA, 4 HOLE. */
  lseek: [handle: Handle, offset: number, whence: number];
  ftruncate: [handle: Handle, length: number];
  fallocate: [handle: Handle, mode: number, offset: number, length: number];
  /** An offset of -1 is the handle's own. */
  copyrange: [from: Handle, fromOffset: number, to: Handle, toOffset: number, length: number];
  fsync: [handle: Handle];
  fdatasync: [handle: Handle];
  syncfs: [handle: Handle];
  getflags: [handle: Handle];
  setflags: [handle: Handle, flags: number];
  /** Writes through a shared mapping. With `keep` the pages stay mapped, and dirty until the kernel writes them back. */
  mapwrite: [handle: Handle, offset: number, hex: string, keep?: 'keep'];
  stat: [path: string];
  lstat: [path: string];
  fstat: [handle: Handle];
  statfs: [path: string];
  access: [path: string, mode: number];
  mkdir: [path: string, mode?: number];
  rmdir: [path: string];
  unlink: [path: string];
  /** Flags as renameat2: 1 NOREPLACE, 2 EXCHANGE, 4 WHITEOUT; without them rename(2). */
  rename: [from: string, to: string, flags?: number];
  link: [from: string, to: string];
  /** Gives an open file without a name one. */
  linkhandle: [handle: Handle, path: string];
  symlink: [target: string, path: string];
  readlink: [path: string];
  mknod: [path: string, mode: number, major?: number, minor?: number];
  chmod: [path: string, mode: number];
  chown: [path: string, uid: number, gid: number];
  truncate: [path: string, length: number];
  /** Of the name itself, not of what a link points to. Nanoseconds may be UTIME_NOW 0x3fffffff or UTIME_OMIT 0x3ffffffe. */
  utimens: [path: string, atime: number, atimeNs: number, mtime: number, mtimeNs: number];
  setxattr: [path: string, name: string, hex: string, flags?: number];
  getxattr: [path: string, name: string, room?: number];
  listxattr: [path: string];
  removexattr: [path: string, name: string];
  opendir: [handle: Handle, path: string];
  /** One getdents64 with so many bytes of room (4096 unless given). */
  readdir: [handle: Handle, room?: number];
  telldir: [handle: Handle];
  seekdir: [handle: Handle, offset: bigint];
  closedir: [handle: Handle];
  setlk: LockRequest;
  /** Waits until it gets the lock or is interrupted. */
  setlkw: LockRequest;
  getlk: LockRequest;
  ofd_setlk: LockRequest;
  ofd_setlkw: LockRequest;
  ofd_getlk: LockRequest;
  flock: [handle: Handle, how: 'shared' | 'exclusive' | 'unlock', wait?: 'nowait'];
  /** Writes contents that follow from seed and offset. */
  fill: [handle: Handle, offset: number, length: number, seed: number];
  check: [handle: Handle, offset: number, length: number, seed: number];
  checksum: [handle: Handle, offset: number, length: number];
  /** The stretches of data between holes. */
  extents: [handle: Handle];
  /** Locked memory for `directread`; once for each actor. */
  directprepare: [bytes: number];
  /** Reads 64 KiB pieces of a file filled with `fill`, open with O_DIRECT, until `count` are read or it is interrupted. */
  directread: [handle: Handle, fileLength: number, seed: number, count?: number];
  /** Checks every page that `directread` left; `seed` is that of `fill`. */
  directcheck: [seed: number];
  /** Works on open files, half of them unlinked, and checks all it reads, until `count` operations or an interrupt. */
  churn: [directory: string, files: number, blocks: number, seed: number, count?: number];
  /** Writes and checks memory until interrupted, with `pause` microseconds after each 64 pages. */
  dirtyram: [bytes: number, pause: number];
  /** The same random operations in two directories, compared. */
  differ: [there: string, here: string, seed: number, count: number, withoutCapabilities?: 0 | 1];
  mount: [type: string, source: string, path: string, options?: string];
  umount: [path: string, flags?: number];
  put: [path: string, text: string];
  get: [path: string];
  sh: [script: string];
}

export type CommandName = keyof CommandArguments;
