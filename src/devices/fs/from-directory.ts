import {
  type BigIntStats,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { asError, FerryError } from '../../errors.ts';
import { errnoName, Fd, PAGE_SIZE, readAt, readXattrs, seekData, seekHole } from '../../sys/index.ts';
import type { ContentSource, FileContent } from './contents/content.ts';
import type { FileSystem } from './tree/file-system.ts';
import { FileType, type Inode, PERMISSIONS } from './tree/inode.ts';

/** Bytes that are read by one call. */
const CHUNK = 2 ** 20;

const NANOS = 1_000_000_000n;

/** Namespaces of extended attributes that are taken over. Access control lists (`system.`) are not kept here. */
const NAMESPACES: readonly string[] = ['user.', 'trusted.', 'security.'];

const SLASH = Buffer.from('/');

/** What was taken over. */
export interface Filled {
  /** Files of all types, the directory itself included. */
  readonly files: number;
  /** Bytes of memory that their contents have. */
  readonly bytes: number;
}

/** A directory of the host, and the inode that its names go to. */
type Pending = { readonly path: Buffer; readonly inode: Inode };

/**
 * Fill an empty file system with a copy of the directory `path` of this host: files with their holes, directories,
 * symbolic and hard links, pipes, sockets and device nodes, with modes, owners, times, and extended attributes as far as
 * this process may read them. Throws `ERR_FS_FROM` naming the file that cannot be read, and `ERR_FS_FROM_ROOM` naming
 * the one that no room is left for.
 */
export function fillFromDirectory(fileSystem: FileSystem, path: string): Filled {
  /** Files with several names on the host, by device and inode number. */
  const linked = new Map<string, Inode>();
  const start = Buffer.from(path);
  const pending: Pending[] = [{ path: start, inode: fileSystem.root }];
  naming(start, () => takeAttributes(fileSystem, fileSystem.root, start, statSync(start, { bigint: true })));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path: folder, inode: parent } = next;
    const names = naming(folder, () => readdirSync(folder, { encoding: 'buffer' })).sort(Buffer.compare);
    for (const name of names) {
      const file = Buffer.concat([folder, SLASH, name]);
      const inode = naming(file, () => take(fileSystem, parent, name, file, linked));
      if (inode?.directory !== undefined) pending.push({ path: file, inode });
    }
  }
  const { contents } = fileSystem;
  return {
    files: fileSystem.inodes.size,
    bytes: (contents.totalPages - contents.freePages) * PAGE_SIZE,
  };
}

/** Run `work` on the file at `path`, and name that in whatever goes wrong. */
function naming<T>(path: Buffer, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FerryError && error.code.startsWith('ERR_FS_FROM')) throw error;
    const cause = asError(error);
    throw new FerryError('ERR_FS_FROM', `Cannot copy ${path.toString()}: ${cause.message}`, { cause });
  }
}

/** Copy one file under `name` into `parent`. Returns its inode, or undefined for a further name of one that is there. */
function take(
  fileSystem: FileSystem,
  parent: Inode,
  name: Buffer,
  path: Buffer,
  linked: Map<string, Inode>,
): Inode | undefined {
  if (!fileSystem.hasRoom)
    throw noRoom(path, `the limit of ${fileSystem.limits.inodes} files and links is reached`);
  const stat = lstatSync(path, { bigint: true });
  const key = `${stat.dev} ${stat.ino}`;
  const first = stat.isDirectory() ? undefined : linked.get(key);
  if (first !== undefined) {
    fileSystem.link(parent, name.toString('latin1'), first);
    return undefined;
  }
  const inode = fileSystem.createInode(Number(stat.mode) & (FileType.mask | PERMISSIONS), 0, 0);
  fileSystem.link(parent, name.toString('latin1'), inode);
  if (stat.nlink > 1n) linked.set(key, inode);
  if (inode.content !== undefined) copyContent(inode.content, path);
  if (inode.type === FileType.symlink) inode.target = readlinkSync(path, { encoding: 'buffer' });
  // Encoded by the C library as by the kernel, as long as both numbers are within the kernel's range.
  if (inode.type === FileType.character || inode.type === FileType.block)
    inode.rdev = Number(stat.rdev & 0xffffffffn);
  takeAttributes(fileSystem, inode, path, stat);
  return inode;
}

function takeAttributes(fileSystem: FileSystem, inode: Inode, path: Buffer, stat: BigIntStats): void {
  inode.mode = inode.type | (Number(stat.mode) & PERMISSIONS);
  inode.uid = Number(stat.uid);
  inode.gid = Number(stat.gid);
  [inode.atime, inode.atimeNanos] = time(stat.atimeNs);
  [inode.mtime, inode.mtimeNanos] = time(stat.mtimeNs);
  [inode.ctime, inode.ctimeNanos] = time(stat.ctimeNs);
  [inode.btime, inode.btimeNanos] = time(stat.birthtimeNs);
  for (const [name, value] of readXattrs(path)) {
    if (!NAMESPACES.some((namespace) => name.startsWith(namespace))) continue;
    if (!fileSystem.setXattr(inode, name, value))
      throw noRoom(path, `the limit of ${fileSystem.limits.xattrBytes} bytes of attributes is reached`);
  }
}

function time(nanos: bigint): [seconds: number, nanos: number] {
  const rest = ((nanos % NANOS) + NANOS) % NANOS;
  return [Number((nanos - rest) / NANOS), Number(rest)];
}

/** Read the data of the file at `path`, where it has no holes, straight into the arena. */
function copyContent(content: FileContent, path: Buffer): void {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  using fd = new Fd(openSync(path, flags), path.toString());
  const size = Number(statSync(`/proc/self/fd/${fd.number}`, { bigint: true }).size);
  for (let at = seekData(fd, 0); at !== undefined && at < size; ) {
    const end = Math.min(seekHole(fd, at) ?? size, size);
    while (at < end) {
      const length = Math.min(CHUNK - (at % CHUNK), end - at);
      const result = content.write(at, new FileSource(fd, at, length), length);
      if (result < 0) throw noRoom(path, `${errnoName(-result)} at byte ${at} of ${size}`);
      at += length;
    }
    at = seekData(fd, at);
  }
  if (content.truncate(size) < 0) throw noRoom(path, `it has ${size} bytes`);
}

function noRoom(path: Buffer, why: string): FerryError {
  return new FerryError('ERR_FS_FROM_ROOM', `There is no room for ${path.toString()}: ${why}`);
}

/** A stretch of a file of the host. */
class FileSource implements ContentSource {
  remaining: number;
  readonly #fd: Fd;
  #at: number;

  constructor(fd: Fd, offset: number, length: number) {
    this.#fd = fd;
    this.#at = offset;
    this.remaining = length;
  }

  read(target: Uint8Array, offset: number, length: number): number {
    for (let done = 0; done < length; ) {
      const count = readAt(this.#fd, target.subarray(offset + done, offset + length), this.#at);
      if (count === 0)
        throw new FerryError('ERR_FS_FROM', `${this.#fd.name} ended at byte ${this.#at} while it was copied`);
      done += count;
      this.#at += count;
    }
    this.remaining -= length;
    return length;
  }
}
