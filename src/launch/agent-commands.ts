/** What the agent in a test guest can do: the arguments of each command and what its answer means. */
import { DecodeError } from '../errors.ts';

type Fields = ReadonlyMap<string, string>;

/** A number that the host chooses for an open file of one actor: 0 to 32767. */
export type Handle = number;

/** `st_mode` and so on, as Linux has them; times in seconds as text with nine decimals. */
export interface GuestStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
  readonly size: number;
  readonly blocks: number;
  readonly blksize: number;
  readonly atime: string;
  readonly mtime: string;
  readonly ctime: string;
}

export interface GuestEntry {
  readonly name: string;
  readonly ino: bigint;
  /** DT_* */
  readonly type: number;
  /** Where a `seekdir` goes on behind this entry. */
  readonly offset: bigint;
}

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
  /** Writes through a shared mapping. */
  mapwrite: [handle: Handle, offset: number, hex: string];
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
  differ: [there: string, here: string, seed: number, count: number];
  mount: [type: string, source: string, path: string, options?: string];
  umount: [path: string, flags?: number];
  put: [path: string, text: string];
  get: [path: string];
  sh: [script: string];
}

export type CommandName = keyof CommandArguments;

const nothing = (): void => undefined;
const length = (fields: Fields) => ({ length: number(fields, 'length') });
const data = (fields: Fields) => ({ length: number(fields, 'length'), data: bytes(fields, 'data') });
const lockFound = (fields: Fields) => {
  const type = text(fields, 'type');
  if (type === 'unlock') return undefined;
  return {
    type,
    start: number(fields, 'start'),
    length: number(fields, 'length'),
    pid: number(fields, 'pid'),
  };
};

/** What an answer's fields mean, by command. */
export const decodeResult = {
  open: nothing,
  openmany: nothing,
  close: nothing,
  closemany: nothing,
  pread: data,
  read: data,
  pwrite: length,
  write: length,
  lseek: (fields: Fields) => ({ offset: number(fields, 'offset') }),
  ftruncate: nothing,
  fallocate: nothing,
  copyrange: length,
  fsync: nothing,
  fdatasync: nothing,
  syncfs: nothing,
  getflags: (fields: Fields) => ({ flags: number(fields, 'flags') }),
  setflags: nothing,
  mapwrite: nothing,
  stat: guestStat,
  lstat: guestStat,
  fstat: guestStat,
  statfs: (fields: Fields) => ({
    type: number(fields, 'type'),
    bsize: number(fields, 'bsize'),
    blocks: number(fields, 'blocks'),
    bfree: number(fields, 'bfree'),
    bavail: number(fields, 'bavail'),
    files: number(fields, 'files'),
    ffree: number(fields, 'ffree'),
    namelen: number(fields, 'namelen'),
  }),
  access: nothing,
  mkdir: nothing,
  rmdir: nothing,
  unlink: nothing,
  rename: nothing,
  link: nothing,
  linkhandle: nothing,
  symlink: nothing,
  readlink: (fields: Fields) => ({ target: text(fields, 'target') }),
  mknod: nothing,
  chmod: nothing,
  chown: nothing,
  truncate: nothing,
  utimens: nothing,
  setxattr: nothing,
  getxattr: data,
  listxattr: (fields: Fields) => ({
    names: bytes(fields, 'names').toString('utf8').split('\0').filter(Boolean),
  }),
  removexattr: nothing,
  opendir: nothing,
  readdir: (fields: Fields) => ({ entries: entries(fields.get('entries') ?? '') }),
  telldir: (fields: Fields) => ({ offset: big(fields, 'offset') }),
  seekdir: nothing,
  closedir: nothing,
  setlk: nothing,
  setlkw: nothing,
  /** The lock that stands in the way, or undefined. */
  getlk: lockFound,
  ofd_setlk: nothing,
  ofd_setlkw: nothing,
  ofd_getlk: lockFound,
  flock: nothing,
  fill: nothing,
  /** Where the first wrong byte is, or where the file ends. */
  check: (fields: Fields) => ({
    verdict: text(fields, 'verdict'),
    offset: fields.has('offset') ? number(fields, 'offset') : undefined,
  }),
  checksum: (fields: Fields) => ({ length: number(fields, 'length'), crc32: number(fields, 'crc32') }),
  extents: (fields: Fields) => ({
    extents: (fields.get('extents') ?? '')
      .split(',')
      .filter(Boolean)
      .map((extent) => {
        const [start, end] = extent.split(':').map(Number);
        return { start: start ?? 0, end: end ?? 0 };
      }),
  }),
  directprepare: nothing,
  directread: (fields: Fields) => ({ reads: number(fields, 'reads') }),
  directcheck: (fields: Fields) => ({
    pages: number(fields, 'pages'),
    bad: number(fields, 'bad'),
    first: number(fields, 'first'),
  }),
  churn: (fields: Fields) => ({
    operations: number(fields, 'operations'),
    bytes: number(fields, 'bytes'),
    errors: number(fields, 'errors'),
    first: text(fields, 'first'),
  }),
  dirtyram: (fields: Fields) => ({
    pages: number(fields, 'pages'),
    rounds: number(fields, 'rounds'),
    bad: number(fields, 'bad'),
  }),
  differ: (fields: Fields) => ({
    operations: number(fields, 'operations'),
    verdict: text(fields, 'verdict'),
    step: fields.has('step') ? number(fields, 'step') : undefined,
    difference: fields.get('difference') ?? '',
    history: (fields.get('history') ?? '').split('\n').filter(Boolean),
  }),
  mount: nothing,
  umount: nothing,
  put: nothing,
  get: (fields: Fields) => ({ text: text(fields, 'text') }),
  sh: (fields: Fields) => ({ status: number(fields, 'status'), output: text(fields, 'output') }),
} satisfies { [C in CommandName]: (fields: Fields) => unknown };

export type CommandResult<C extends CommandName> = ReturnType<(typeof decodeResult)[C]>;

function guestStat(fields: Fields): GuestStat {
  return {
    dev: big(fields, 'dev'),
    ino: big(fields, 'ino'),
    mode: number(fields, 'mode'),
    nlink: number(fields, 'nlink'),
    uid: number(fields, 'uid'),
    gid: number(fields, 'gid'),
    major: number(fields, 'major'),
    minor: number(fields, 'minor'),
    size: number(fields, 'size'),
    blocks: number(fields, 'blocks'),
    blksize: number(fields, 'blksize'),
    atime: text(fields, 'atime'),
    mtime: text(fields, 'mtime'),
    ctime: text(fields, 'ctime'),
  };
}

/** `ino:type:offset:name`, separated by slashes, which a name cannot have. */
function entries(list: string): GuestEntry[] {
  return list.split('/').flatMap((entry) => {
    const [, ino, type, offset, name] = /^(\d+):(\d+):(-?\d+):(.*)$/s.exec(entry) ?? [];
    if (ino === undefined || offset === undefined || name === undefined) return [];
    return [{ name, ino: BigInt(ino), type: Number(type), offset: BigInt(offset) }];
  });
}

function text(fields: Fields, key: string): string {
  const value = fields.get(key);
  if (value === undefined) throw new DecodeError('ERR_AGENT_LINE', key, 'is missing from the answer');
  return value;
}

function number(fields: Fields, key: string): number {
  const value = Number(text(fields, key));
  if (!Number.isSafeInteger(value)) throw new DecodeError('ERR_AGENT_LINE', key, `is ${text(fields, key)}`);
  return value;
}

function big(fields: Fields, key: string): bigint {
  return BigInt(text(fields, key));
}

function bytes(fields: Fields, key: string): Buffer {
  return Buffer.from(text(fields, key), 'hex');
}
