/** What the answers of the agent in a test guest mean, by command. */
import { DecodeError } from '../errors.ts';
import type { CommandName } from './agent-commands.ts';

type Fields = ReadonlyMap<string, string>;

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
    /** How many of them had something other than an error for an answer. */
    succeeded: number(fields, 'succeeded'),
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
