import { IN_HEADER, Opcode, OUT_HEADER } from '../constants.ts';
import * as s from '../structs.ts';

/** A request without the numbers that differ from time to time. */
export interface FuseRequest {
  readonly opcode: number;
  /** The node id it is about. */
  readonly node: number;
  /** What follows the header, in order. */
  readonly arguments: readonly Uint8Array[];
  /** Bytes of body that the longest answer has; undefined for requests that are not answered. */
  readonly room: number | undefined;
}

/** On whose behalf a request is made. */
export interface FuseCaller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

const ROOT_CALLER: FuseCaller = { uid: 0, gid: 0, pid: 1 };

/** The bytes of a request as they lie in the readable part of a descriptor chain. */
export function encodeRequest(request: FuseRequest, unique: bigint, caller = ROOT_CALLER): Uint8Array {
  const length = request.arguments.reduce((sum, part) => sum + part.length, IN_HEADER);
  const bytes = new Uint8Array(length);
  const { opcode } = request;
  s.InHeader.encodeInto(
    { length, opcode, unique, node: BigInt(request.node), ...caller, extensions: 0 },
    bytes,
  );
  let at = IN_HEADER;
  for (const part of request.arguments) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Bytes that the writable part of a descriptor chain needs for the answer; 0 where there is none. */
export function replyRoom(request: FuseRequest): number {
  return request.room === undefined ? 0 : OUT_HEADER + request.room;
}

/** A name or path as the protocol has it: with a closing NUL. Strings are UTF-8; any bytes can be given instead. */
export function encodeName(name: string | Uint8Array): Uint8Array {
  const bytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
  const closed = new Uint8Array(bytes.length + 1);
  closed.set(bytes);
  return closed;
}

/** A name within a directory. */
export type Name = string | Uint8Array;

type Value<T> = T extends { encode(value: infer V): Uint8Array } ? V : never;

/** What SETATTR changes; fields that are left out stay as they are. */
export type SetattrChange = Partial<Value<typeof s.SetattrIn>> & { valid: number };

const ENTRY = s.EntryOut.size;
const NO_SETATTR = {
  handle: 0,
  size: 0,
  lockOwner: 0n,
  atime: 0,
  mtime: 0,
  ctime: 0,
  atimeNanos: 0,
  mtimeNanos: 0,
  ctimeNanos: 0,
  mode: 0,
  uid: 0,
  gid: 0,
};

function make(opcode: number, node: number, room: number | undefined, ...parts: Uint8Array[]): FuseRequest {
  return { opcode, node, arguments: parts, room };
}

/** Makers of every request that the codec knows, by operation. Sizes and offsets in bytes, modes as in stat(2). */
export const requests = {
  init: (value: Value<typeof s.InitIn>) => make(Opcode.init, 0, s.InitOut.size, s.InitIn.encode(value)),
  destroy: () => make(Opcode.destroy, 0, 0),
  lookup: (node: number, name: Name) => make(Opcode.lookup, node, ENTRY, encodeName(name)),
  forget: (node: number, lookups: number) =>
    make(Opcode.forget, node, undefined, s.ForgetIn.encode({ lookups })),
  batchForget: (items: readonly Value<typeof s.ForgetOne>[]) =>
    make(
      Opcode.batchForget,
      0,
      undefined,
      s.BatchForgetIn.encode({ count: items.length }),
      ...items.map((item) => s.ForgetOne.encode(item)),
    ),
  getattr: (node: number, handle?: number) =>
    make(
      Opcode.getattr,
      node,
      s.AttributesOut.size,
      s.GetattrIn.encode({ flags: handle === undefined ? 0 : 1, handle: handle ?? 0 }),
    ),
  setattr: (node: number, change: SetattrChange) =>
    make(Opcode.setattr, node, s.AttributesOut.size, s.SetattrIn.encode({ ...NO_SETATTR, ...change })),
  statx: (node: number, statxMask: number) =>
    make(
      Opcode.statx,
      node,
      s.StatxOut.size,
      s.StatxIn.encode({ flags: 0, handle: 0, statxFlags: 0, statxMask }),
    ),
  readlink: (node: number) => make(Opcode.readlink, node, 4096),
  symlink: (node: number, name: Name, target: Name) =>
    make(Opcode.symlink, node, ENTRY, encodeName(name), encodeName(target)),
  mknod: (node: number, name: Name, mode: number, rdev = 0, umask = 0) =>
    make(Opcode.mknod, node, ENTRY, s.MknodIn.encode({ mode, rdev, umask }), encodeName(name)),
  mkdir: (node: number, name: Name, mode: number, umask = 0) =>
    make(Opcode.mkdir, node, ENTRY, s.MkdirIn.encode({ mode, umask }), encodeName(name)),
  unlink: (node: number, name: Name) => make(Opcode.unlink, node, 0, encodeName(name)),
  rmdir: (node: number, name: Name) => make(Opcode.rmdir, node, 0, encodeName(name)),
  rename: (node: number, name: Name, newDirectory: number, newName: Name) =>
    make(Opcode.rename, node, 0, s.RenameIn.encode({ newDirectory }), encodeName(name), encodeName(newName)),
  rename2: (node: number, name: Name, newDirectory: number, newName: Name, flags: number) =>
    make(
      Opcode.rename2,
      node,
      0,
      s.Rename2In.encode({ newDirectory, flags }),
      encodeName(name),
      encodeName(newName),
    ),
  link: (node: number, directory: number, name: Name) =>
    make(Opcode.link, directory, ENTRY, s.LinkIn.encode({ node }), encodeName(name)),
  open: (node: number, flags: number, openFlags = 0) =>
    make(Opcode.open, node, s.OpenOut.size, s.OpenIn.encode({ flags, openFlags })),
  create: (node: number, name: Name, flags: number, mode: number, umask = 0) =>
    make(
      Opcode.create,
      node,
      ENTRY + s.OpenOut.size,
      s.CreateIn.encode({ flags, mode, umask, openFlags: 0 }),
      encodeName(name),
    ),
  tmpfile: (node: number, flags: number, mode: number) =>
    make(
      Opcode.tmpfile,
      node,
      ENTRY + s.OpenOut.size,
      s.CreateIn.encode({ flags, mode, umask: 0, openFlags: 0 }),
      encodeName('/'),
    ),
  read: (node: number, handle: number, offset: number | bigint, size: number) =>
    make(
      Opcode.read,
      node,
      size,
      s.ReadIn.encode({ handle, offset: BigInt(offset), size, readFlags: 0, lockOwner: 0n, flags: 0 }),
    ),
  /** `flags` are those of open(2) that the file has by now: fcntl(2) changes O_APPEND. */
  write: (
    node: number,
    handle: number,
    offset: number | bigint,
    data: Uint8Array,
    writeFlags = 0,
    flags = 0,
  ) =>
    make(
      Opcode.write,
      node,
      s.WriteOut.size,
      s.WriteIn.encode({
        handle,
        offset: BigInt(offset),
        size: data.length,
        writeFlags,
        lockOwner: 0n,
        flags,
      }),
      data,
    ),
  statfs: (node: number) => make(Opcode.statfs, node, s.StatfsOut.size),
  syncfs: (node: number) => make(Opcode.syncfs, node, 0, s.SyncfsIn.encode({})),
  release: (node: number, handle: number, releaseFlags = 0, lockOwner = 0n) =>
    make(Opcode.release, node, 0, s.ReleaseIn.encode({ handle, flags: 0, releaseFlags, lockOwner })),
  flush: (node: number, handle: number, lockOwner = 0n) =>
    make(Opcode.flush, node, 0, s.FlushIn.encode({ handle, lockOwner })),
  fsync: (node: number, handle: number) =>
    make(Opcode.fsync, node, 0, s.FsyncIn.encode({ handle, flags: 0 })),
  /** `extended` as agreed on by SETXATTR_EXT. */
  setxattr: (node: number, name: Name, value: Uint8Array, flags = 0, extended = true) =>
    make(
      Opcode.setxattr,
      node,
      0,
      s.SetxattrIn.encode({ size: value.length, flags, setxattrFlags: 0 }).subarray(
        0,
        extended ? s.SetxattrIn.size : s.SETXATTR_IN_SHORT,
      ),
      encodeName(name),
      value,
    ),
  /** With `size` 0 the answer is how much room is needed. */
  getxattr: (node: number, name: Name, size: number) =>
    make(
      Opcode.getxattr,
      node,
      Math.max(size, s.GetxattrOut.size),
      s.GetxattrIn.encode({ size }),
      encodeName(name),
    ),
  /** With `size` 0 the answer is how much room is needed. */
  listxattr: (node: number, size: number) =>
    make(Opcode.listxattr, node, Math.max(size, s.GetxattrOut.size), s.GetxattrIn.encode({ size })),
  removexattr: (node: number, name: Name) => make(Opcode.removexattr, node, 0, encodeName(name)),
  opendir: (node: number, flags = 0) =>
    make(Opcode.opendir, node, s.OpenOut.size, s.OpenIn.encode({ flags, openFlags: 0 })),
  readdir: (node: number, handle: number, cookie: number | bigint, size: number) =>
    make(Opcode.readdir, node, size, readdirIn(handle, cookie, size)),
  readdirplus: (node: number, handle: number, cookie: number | bigint, size: number) =>
    make(Opcode.readdirplus, node, size, readdirIn(handle, cookie, size)),
  releasedir: (node: number, handle: number) =>
    make(
      Opcode.releasedir,
      node,
      0,
      s.ReleaseIn.encode({ handle, flags: 0, releaseFlags: 0, lockOwner: 0n }),
    ),
  fsyncdir: (node: number, handle: number) =>
    make(Opcode.fsyncdir, node, 0, s.FsyncIn.encode({ handle, flags: 0 })),
  getlk: (node: number, lock: LockRequest) => make(Opcode.getlk, node, s.LockOut.size, lockIn(lock)),
  setlk: (node: number, lock: LockRequest) => make(Opcode.setlk, node, 0, lockIn(lock)),
  setlkw: (node: number, lock: LockRequest) => make(Opcode.setlkw, node, 0, lockIn(lock)),
  interrupt: (unique: bigint) => make(Opcode.interrupt, 0, undefined, s.InterruptIn.encode({ unique })),
  access: (node: number, mask: number) => make(Opcode.access, node, 0, s.AccessIn.encode({ mask })),
  fallocate: (node: number, handle: number, mode: number, offset: number | bigint, length: number | bigint) =>
    make(
      Opcode.fallocate,
      node,
      0,
      s.FallocateIn.encode({ handle, offset: BigInt(offset), length: BigInt(length), mode }),
    ),
  lseek: (node: number, handle: number, offset: number | bigint, whence: number) =>
    make(Opcode.lseek, node, s.LseekOut.size, s.LseekIn.encode({ handle, offset: BigInt(offset), whence })),
  copyFileRange: (node: number, copy: CopyRequest) =>
    make(Opcode.copyFileRange, node, s.WriteOut.size, copyIn(copy)),
  copyFileRange64: (node: number, copy: CopyRequest) =>
    make(Opcode.copyFileRange64, node, s.CopyFileRangeOut.size, copyIn(copy)),
} as const;

/** A record lock on bytes `start` to `end`, both inclusive, or with `flock` one on the whole file. */
export interface LockRequest {
  readonly handle: number;
  readonly owner: bigint;
  readonly start?: bigint;
  readonly end?: bigint;
  /** 0 to read, 1 to write, 2 to unlock. */
  readonly type: number;
  readonly pid?: number;
  readonly flock?: boolean;
}

/** A copy between two open files. */
export interface CopyRequest {
  readonly handle: number;
  readonly offset: number;
  readonly outNode: number;
  readonly outHandle: number;
  readonly outOffset: number;
  readonly length: number;
}

function readdirIn(handle: number, cookie: number | bigint, size: number): Uint8Array {
  const offset = BigInt(cookie);
  return s.ReadIn.encode({ handle, offset, size, readFlags: 0, lockOwner: 0n, flags: 0 });
}

function lockIn(lock: LockRequest): Uint8Array {
  const { handle, owner, type } = lock;
  const start = lock.start ?? 0n;
  const end = lock.end ?? 2n ** 63n - 1n;
  return s.LockIn.encode({
    handle,
    owner,
    start,
    end,
    type,
    pid: lock.pid ?? 1,
    lockFlags: lock.flock ? 1 : 0,
  });
}

function copyIn(copy: CopyRequest): Uint8Array {
  return s.CopyFileRangeIn.encode({
    ...copy,
    offset: BigInt(copy.offset),
    outOffset: BigInt(copy.outOffset),
    length: BigInt(copy.length),
    flags: 0n,
  });
}
