/** Numbers of the FUSE protocol, version 7, as Linux has them in its user-space interface. */

/** The major version; there has been no other since 2005. */
export const FUSE_MAJOR = 7;

/** The minor version that this codec speaks. */
export const FUSE_MINOR = 45;

/** The oldest minor version spoken: the first that Linux had virtio-fs in. */
export const FUSE_MINOR_OLDEST = 31;

/** The node id of the root directory. */
export const ROOT_NODE = 1;

/** Bytes in the header of a request. */
export const IN_HEADER = 40;

/** Bytes in the header of a reply. */
export const OUT_HEADER = 16;

/** What a request asks for. */
export const Opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  bmap: 37,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  setupmapping: 48,
  removemapping: 49,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
  copyFileRange64: 53,
} as const;

/** What the two sides can agree on in FUSE_INIT; bits from 32 on travel in a second word. */
export const InitFlag = {
  asyncRead: 1n << 0n,
  posixLocks: 1n << 1n,
  atomicTruncate: 1n << 3n,
  exportSupport: 1n << 4n,
  bigWrites: 1n << 5n,
  dontMask: 1n << 6n,
  flockLocks: 1n << 10n,
  autoInvalidateData: 1n << 12n,
  readdirplus: 1n << 13n,
  readdirplusAuto: 1n << 14n,
  asyncDirectIo: 1n << 15n,
  writebackCache: 1n << 16n,
  noOpenSupport: 1n << 17n,
  parallelDirectoryOperations: 1n << 18n,
  handleKillPrivileges: 1n << 19n,
  posixAcl: 1n << 20n,
  maxPages: 1n << 22n,
  cacheSymlinks: 1n << 23n,
  noOpendirSupport: 1n << 24n,
  explicitInvalidateData: 1n << 25n,
  mapAlignment: 1n << 26n,
  submounts: 1n << 27n,
  handleKillPrivilegesV2: 1n << 28n,
  setxattrExtended: 1n << 29n,
  initExtended: 1n << 30n,
  securityContext: 1n << 32n,
  createSupplementaryGroup: 1n << 34n,
  directIoAllowMmap: 1n << 36n,
  noExportSupport: 1n << 38n,
  allowIdmap: 1n << 40n,
} as const;

/** Bits of `valid` in SETATTR: which fields count. */
export const SetattrValid = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  handle: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  lockOwner: 1 << 9,
  ctime: 1 << 10,
  killPrivileges: 1 << 11,
} as const;

/** Bit of `getattr_flags`: the handle counts. */
export const GETATTR_HANDLE = 1;

/** Bits of `write_flags`. */
export const WriteFlag = { cache: 1, lockOwner: 2, killPrivileges: 4 } as const;

/** Bit of `open_flags` in OPEN and CREATE: kill setuid and setgid while truncating. */
export const OPEN_KILL_PRIVILEGES = 1;

/** Bits of `open_flags` in the reply to OPEN. */
export const OpenReply = {
  directIo: 1 << 0,
  keepCache: 1 << 1,
  noFlush: 1 << 5,
  parallelDirectWrites: 1 << 6,
} as const;

/** Bits of `release_flags`. */
export const ReleaseFlag = { flush: 1, unlockFlock: 2 } as const;

/** Bit of `lk_flags`: the lock is one of flock(2). */
export const LOCK_FLOCK = 1;

/** Bit of `flags` in FSYNC: contents alone. */
export const FSYNC_DATA_ONLY = 1;

/** Bit of `flags` in attributes: another file system begins here. */
export const ATTRIBUTE_SUBMOUNT = 1;

/** The type of the extension with the groups of who makes a file. */
export const EXTENSION_GROUPS = 32;

/** Types of request extensions from here on are not security contexts. */
export const EXTENSION_FIRST_TYPE = 32;
