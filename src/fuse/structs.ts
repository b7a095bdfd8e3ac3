import { address, type FieldType, padding, struct, u16, u32, u64 } from '../wire/index.ts';

/** Seconds since the epoch, before it too: 64 bits, signed, exact up to 2^53 either way. */
const seconds: FieldType<number> = {
  size: 8,
  read: (view, at) => view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32,
  write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
};

/** A signed 32-bit number. */
const i32: FieldType<number> = {
  size: 4,
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
};

/** In front of every request; `extensions` counts in units of 8 bytes. */
export const InHeader = struct('request header', {
  length: u32,
  opcode: u32,
  unique: u64,
  node: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  extensions: u16,
  padding: padding(2),
});

/** In front of every reply; `error` is 0 or a negative errno. */
export const OutHeader = struct('reply header', { length: u32, error: i32, unique: u64 });

const attributes = {
  ino: address,
  size: address,
  blocks: address,
  atime: seconds,
  mtime: seconds,
  ctime: seconds,
  atimeNanos: u32,
  mtimeNanos: u32,
  ctimeNanos: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blockSize: u32,
  attributeFlags: u32,
};

/** `struct fuse_attr`. */
export const Attributes = struct('attributes', attributes);

/** The reply to LOOKUP and to everything that makes a file. */
export const EntryOut = struct('entry reply', {
  node: address,
  generation: address,
  entryValid: address,
  attributesValid: address,
  entryValidNanos: u32,
  attributesValidNanos: u32,
  ...attributes,
});

export const AttributesOut = struct('attributes reply', {
  attributesValid: address,
  attributesValidNanos: u32,
  padding: padding(4),
  ...attributes,
});

export const InitIn = struct('INIT request', {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  flags2: u32,
  unused: padding(44),
});

/** How much of `InitIn` a kernel without INIT_EXT sends. */
export const INIT_IN_SHORT = 16;

export const InitOut = struct('INIT reply', {
  major: u32,
  minor: u32,
  maxReadahead: u32,
  flags: u32,
  maxBackground: u16,
  congestionThreshold: u16,
  maxWrite: u32,
  timeGranularity: u32,
  maxPages: u16,
  mapAlignment: u16,
  flags2: u32,
  maxStackDepth: u32,
  requestTimeout: u16,
  unused: padding(22),
});

export const ForgetIn = struct('FORGET request', { lookups: address });
export const BatchForgetIn = struct('BATCH_FORGET request', { count: u32, padding: padding(4) });
export const ForgetOne = struct('BATCH_FORGET item', { node: address, lookups: address });

export const GetattrIn = struct('GETATTR request', { flags: u32, padding: padding(4), handle: address });

export const SetattrIn = struct('SETATTR request', {
  valid: u32,
  padding: padding(4),
  handle: address,
  size: address,
  lockOwner: u64,
  atime: seconds,
  mtime: seconds,
  ctime: seconds,
  atimeNanos: u32,
  mtimeNanos: u32,
  ctimeNanos: u32,
  mode: u32,
  unused: padding(4),
  uid: u32,
  gid: u32,
  unused2: padding(4),
});

export const StatxIn = struct('STATX request', {
  flags: u32,
  padding: padding(4),
  handle: address,
  statxFlags: u32,
  statxMask: u32,
});

export const StatxOut = struct('STATX reply', {
  attributesValid: address,
  attributesValidNanos: u32,
  flags: u32,
  spare: padding(16),
  mask: u32,
  blockSize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  spare2: padding(2),
  ino: address,
  size: address,
  blocks: address,
  attributesMask: u64,
  atime: seconds,
  atimeNanos: u32,
  reserved: padding(4),
  btime: seconds,
  btimeNanos: u32,
  reserved2: padding(4),
  ctime: seconds,
  ctimeNanos: u32,
  reserved3: padding(4),
  mtime: seconds,
  mtimeNanos: u32,
  reserved4: padding(4),
  rdevMajor: u32,
  rdevMinor: u32,
  devMajor: u32,
  devMinor: u32,
  spare3: padding(112),
});

export const MknodIn = struct('MKNOD request', { mode: u32, rdev: u32, umask: u32, padding: padding(4) });
export const MkdirIn = struct('MKDIR request', { mode: u32, umask: u32 });
export const RenameIn = struct('RENAME request', { newDirectory: address });
export const Rename2In = struct('RENAME2 request', {
  newDirectory: address,
  flags: u32,
  padding: padding(4),
});
export const LinkIn = struct('LINK request', { node: address });
export const OpenIn = struct('OPEN request', { flags: u32, openFlags: u32 });
export const CreateIn = struct('CREATE request', { flags: u32, mode: u32, umask: u32, openFlags: u32 });
export const OpenOut = struct('OPEN reply', { handle: address, openFlags: u32, backing: padding(4) });

export const ReleaseIn = struct('RELEASE request', {
  handle: address,
  flags: u32,
  releaseFlags: u32,
  lockOwner: u64,
});

export const FlushIn = struct('FLUSH request', { handle: address, unused: padding(8), lockOwner: u64 });

export const ReadIn = struct('READ request', {
  handle: address,
  offset: u64,
  size: u32,
  readFlags: u32,
  lockOwner: u64,
  flags: u32,
  padding: padding(4),
});

export const WriteIn = struct('WRITE request', {
  handle: address,
  offset: u64,
  size: u32,
  writeFlags: u32,
  lockOwner: u64,
  flags: u32,
  padding: padding(4),
});

export const WriteOut = struct('WRITE reply', { size: u32, padding: padding(4) });

export const StatfsOut = struct('STATFS reply', {
  blocks: address,
  blocksFree: address,
  blocksAvailable: address,
  files: address,
  filesFree: address,
  blockSize: u32,
  nameLength: u32,
  fragmentSize: u32,
  padding: padding(28),
});

export const FsyncIn = struct('FSYNC request', { handle: address, flags: u32, padding: padding(4) });

export const SetxattrIn = struct('SETXATTR request', {
  size: u32,
  flags: u32,
  setxattrFlags: u32,
  padding: padding(4),
});

/** How much of `SetxattrIn` is sent where SETXATTR_EXT was not agreed on. */
export const SETXATTR_IN_SHORT = 8;

export const GetxattrIn = struct('GETXATTR request', { size: u32, padding: padding(4) });
export const GetxattrOut = struct('GETXATTR reply', { size: u32, padding: padding(4) });

const lock = { start: u64, end: u64, type: u32, pid: u32 };

export const LockIn = struct('lock request', {
  handle: address,
  owner: u64,
  ...lock,
  lockFlags: u32,
  padding: padding(4),
});

export const LockOut = struct('lock reply', lock);
export const InterruptIn = struct('INTERRUPT request', { unique: u64 });

export const FallocateIn = struct('FALLOCATE request', {
  handle: address,
  offset: u64,
  length: u64,
  mode: u32,
  padding: padding(4),
});

export const LseekIn = struct('LSEEK request', {
  handle: address,
  offset: u64,
  whence: u32,
  padding: padding(4),
});

export const LseekOut = struct('LSEEK reply', { offset: address });

export const CopyFileRangeIn = struct('COPY_FILE_RANGE request', {
  handle: address,
  offset: u64,
  outNode: address,
  outHandle: address,
  outOffset: u64,
  length: u64,
  flags: u64,
});

export const CopyFileRangeOut = struct('COPY_FILE_RANGE_64 reply', { bytes: u64 });

export const AccessIn = struct('ACCESS request', { mask: u32, padding: padding(4) });
export const SyncfsIn = struct('SYNCFS request', { padding: padding(8) });

/** In front of each name in the reply to READDIR; the whole is padded to 8 bytes. */
export const DirectoryEntryOut = struct('directory entry', {
  ino: address,
  cookie: u64,
  nameLength: u32,
  type: u32,
});

/** In front of an extension of a request: a list of security contexts has a small count in place of the type. */
export const ExtensionHeader = struct('request extension', { size: u32, type: u32 });

/** In front of one security context; its name, a NUL and the value follow, padded to 8 bytes. */
export const SecurityContext = struct('security context', { size: u32, padding: padding(4) });
