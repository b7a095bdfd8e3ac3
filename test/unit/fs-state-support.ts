import { createHash } from 'node:crypto';
import type { ContentSink, ContentSource, FileContent } from '../../src/devices/fs/contents/content.ts';
import { ContentStore } from '../../src/devices/fs/contents/store.ts';
import { limitsFor } from '../../src/devices/fs/limits.ts';
import type { LockTable } from '../../src/devices/fs/locks/table.ts';
import type { Destination } from '../../src/devices/fs/state/destination.ts';
import { loadState } from '../../src/devices/fs/state/load.ts';
import type { LoadedState } from '../../src/devices/fs/state/loaded-state.ts';
import { saveState } from '../../src/devices/fs/state/save.ts';
import { SECTION_ORDER } from '../../src/devices/fs/state/sections.ts';
import { FileSystem } from '../../src/devices/fs/tree/file-system.ts';
import { FileType, type Inode } from '../../src/devices/fs/tree/inode.ts';
import {
  type IncomingRecord,
  MAX_PAYLOAD,
  type RecordReader,
  type RecordWriter,
  type Section,
} from '../../src/state/index.ts';

export type Saved = { section: string; version: number; payload: Uint8Array };

/** Keeps records, for tests that look at or change them before they are read. */
export class Recorder implements RecordWriter {
  readonly saved: Saved[] = [];
  bytes = 0;
  get records(): number {
    return this.saved.length;
  }
  write({ name, version }: Section, ...parts: Uint8Array[]): void {
    const payload = new Uint8Array(Buffer.concat(parts));
    if (payload.length > MAX_PAYLOAD) throw new RangeError(`A record of ${payload.length} bytes`);
    this.bytes += payload.length;
    this.saved.push({ section: name, version, payload });
  }
}

export function readerOf(saved: readonly Saved[]): RecordReader {
  const records = saved[Symbol.iterator]();
  return { next: (): IncomingRecord | undefined => records.next().value };
}

/** FUSE_INIT flags for these tests; the names are what refusals show. */
export const NAMES = { asyncRead: 1n, posixLocks: 2n, flockLocks: 1n << 10n, securityContext: 1n << 32n };

export const MEMORY = 64 * 2 ** 20;

export function destination(change: Partial<Destination> = {}): Destination {
  const memory = change.memory ?? MEMORY;
  return {
    memory,
    limits: limitsFor(memory),
    init: { oldestMinor: 31, minor: 45, flags: 0x1_0000_0403n, maxWrite: 2 ** 20, names: NAMES },
    ...change,
  };
}

/** A file system, its locks, and short ways to fill them. */
export class World implements Disposable {
  readonly fileSystem: FileSystem;

  /** A guest has opened its session; without one it refers to nothing. */
  constructor(memory = MEMORY) {
    this.fileSystem = FileSystem.create(new ContentStore(memory), limitsFor(memory));
    this.fileSystem.session = {
      minor: 40,
      flags: 0x1_0000_0403n,
      maxReadahead: 131072,
      maxWrite: 2 ** 20,
    };
  }

  get locks(): LockTable {
    return this.fileSystem.locks;
  }

  make(parent: Inode, name: string, mode: number): Inode {
    const inode = this.fileSystem.createInode(mode, 1000, 100);
    this.fileSystem.link(parent, name, inode);
    return inode;
  }

  file(parent: Inode, name: string, bytes?: Uint8Array): Inode {
    const inode = this.make(parent, name, FileType.regular | 0o644);
    if (bytes !== undefined) put(inode.content!, 0, bytes);
    return inode;
  }

  directory(parent: Inode, name: string): Inode {
    return this.make(parent, name, FileType.directory | 0o755);
  }

  remove(parent: Inode, name: string): void {
    this.fileSystem.unlink(parent, parent.directory!.get(name)!);
  }

  save(): Saved[] {
    return save(this);
  }

  [Symbol.dispose](): void {
    this.fileSystem[Symbol.dispose]();
  }
}

export function save({ fileSystem }: { fileSystem: FileSystem }): Saved[] {
  const recorder = new Recorder();
  saveState(fileSystem, recorder);
  return recorder.saved;
}

export function load(saved: readonly Saved[], change?: Partial<Destination>): LoadedState {
  return loadState(readerOf(saved), destination(change));
}

export function put(content: FileContent, offset: number, bytes: Uint8Array): void {
  let at = 0;
  const source: ContentSource = {
    get remaining() {
      return bytes.length - at;
    },
    read(target, start, length) {
      target.set(bytes.subarray(at, at + length), start);
      at += length;
      return length;
    },
  };
  const result = content.write(offset, source, bytes.length);
  if (result !== bytes.length) throw new Error(`Only ${result} of ${bytes.length} bytes were written`);
}

function digest(content: FileContent): string {
  const hash = createHash('sha256');
  const zeroes = new Uint8Array(65536);
  const sink: ContentSink = {
    write(source, offset, length) {
      hash.update(source.subarray(offset, offset + length));
      return length;
    },
    fill(_byte, length) {
      for (let rest = length; rest > 0; rest -= zeroes.length)
        hash.update(zeroes.subarray(0, Math.min(rest, zeroes.length)));
      return length;
    },
  };
  // What lies in holes is left out, so that a huge sparse file is cheap to look at.
  for (let at = content.seekData(0); at >= 0; ) {
    const end = content.seekHole(at);
    hash.update(`${at}-${end}:`);
    content.read(at, end - at, sink);
    at = content.seekData(end);
  }
  return hash.digest('hex');
}

function byNumber<T>(entries: Iterable<[number, T]>): [number, T][] {
  return [...entries].sort(([a], [b]) => a - b);
}

/** Everything in a file system as plain values, but for what a load changes on purpose. */
export function snapshot({ fileSystem }: { fileSystem: FileSystem }) {
  const { locks } = fileSystem;
  const inodes = byNumber(fileSystem.inodes).map(([ino, inode]) => {
    const { content, directory, target, xattrs } = inode;
    const { generation, mode, uid, gid, rdev, nlink, lookups, opens } = inode;
    const parent = directory?.parent;
    return {
      ...{ ino, generation, mode, uid, gid, rdev, nlink, lookups, opens },
      times: [inode.atime, inode.mtime, inode.ctime, inode.btime],
      nanos: [inode.atimeNanos, inode.mtimeNanos, inode.ctimeNanos, inode.btimeNanos],
      content: content && { size: content.size, pages: content.pages, digest: digest(content) },
      entries: directory && [...directory.entries()].map(([entry, to]) => [entry.name, entry.cookie, to.ino]),
      nextCookie: directory?.nextCookie,
      parent: parent?.ino,
      target: target && Buffer.from(target).toString('latin1'),
      xattrs: xattrs && [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('hex')]).sort(),
    };
  });
  return {
    inodes,
    files: byNumber(fileSystem.files).map(([handle, { inode, flags, lockOwners }]) => [
      handle,
      inode.ino,
      flags,
      [...(lockOwners ?? [])].filter((owner) => locks.holdsRecords(inode.ino, owner)),
    ]),
    directories: byNumber(fileSystem.directories).map(([handle, { inode, flags, position }]) => [
      handle,
      inode.ino,
      flags,
      position,
    ]),
    records: [...locks.records()].sort(
      (a, b) => a.node - b.node || Number(a.lock.owner - b.lock.owner) || Number(a.lock.start - b.lock.start),
    ),
    flocks: [...locks.files()].sort((a, b) => a.node - b.node || Number(a.lock.owner - b.lock.owner)),
    session: fileSystem.session,
    next: [fileSystem.nextIno, fileSystem.nextHandle],
    used: [
      fileSystem.usedInodes,
      fileSystem.xattrBytes,
      fileSystem.contents.totalPages - fileSystem.contents.freePages,
    ],
  };
}

/** A file system with one of everything that the guest can refer to. */
export function everything(): World {
  const world = new World();
  const { fileSystem, locks } = world;
  const { root } = fileSystem;
  const home = world.directory(root, 'home');
  const file = world.file(home, 'file', new Uint8Array(10_000).fill(1));
  fileSystem.link(root, 'second name', file);
  file.lookups = 5;
  file.atime = -1000;
  file.atimeNanos = 999_999_999;
  fileSystem.setXattr(file, 'user.colour', new Uint8Array([1, 2, 3]));
  fileSystem.setXattr(file, 'user.empty', new Uint8Array(0));
  const sparse = world.file(home, 'sparse');
  put(sparse.content!, 2 ** 40, new Uint8Array(5000).fill(2));
  put(sparse.content!, 300 * 4096, new Uint8Array(3 * 4096).fill(3));
  sparse.content!.allocate(1, 2 ** 41, 20 * 4096);
  const big = world.file(root, 'big');
  put(
    big.content!,
    0,
    new Uint8Array(3 * 2 ** 20 + 77).map((_, i) => (i * 31) >>> 8),
  );
  world.make(root, 'link', FileType.symlink | 0o777).target = Buffer.from('home/file\xff', 'latin1');
  world.make(root, 'pipe', FileType.fifo | 0o600);
  world.make(root, 'socket', FileType.socket | 0o600);
  world.make(root, 'tty', FileType.character | 0o620).rdev = 0x501;
  world.make(root, 'disk', FileType.block | 0o660).rdev = 0x800;
  // Names that went leave gaps in the row of cookies.
  world.file(home, 'gone');
  world.file(home, '\xe9t\xe9');
  world.remove(home, 'gone');
  // Deleted, but open or referred to.
  const deleted = world.file(root, 'deleted', new Uint8Array(4096).fill(4));
  fileSystem.openFile(deleted, 0o2002);
  world.remove(root, 'deleted');
  const known = world.file(root, 'known', new Uint8Array(10).fill(5));
  known.lookups = 2;
  world.remove(root, 'known');
  const outer = world.directory(root, 'outer');
  const inner = world.directory(outer, 'inner');
  fileSystem.openDirectory(inner, 0o200000).position = 3;
  world.remove(outer, 'inner');
  fileSystem.openDirectory(outer, 0o200000);
  world.remove(root, 'outer');
  const lost = world.directory(home, 'lost');
  const orphan = world.directory(lost, 'orphan');
  orphan.lookups = 1;
  world.remove(lost, 'orphan');
  world.remove(home, 'lost');
  fileSystem.openFile(file, 0o2001).lockOwners = new Set([2n ** 64n - 1n, 12345n]);
  fileSystem.openFile(file, 0);
  const closed = fileSystem.openFile(big, 2);
  fileSystem.closeFile(closed);
  fileSystem.openDirectory(home, 0).position = 4;
  locks.setRecord(file.ino, { owner: 7n, start: 0n, end: 99n, type: 1, pid: 70 });
  locks.setRecord(file.ino, { owner: 2n ** 64n - 1n, start: 200n, end: 2n ** 63n - 1n, type: 0, pid: 71 });
  locks.setRecord(deleted.ino, { owner: 7n, start: 5n, end: 5n, type: 0, pid: 70 });
  locks.setFile(file.ino, { owner: 9n, type: 0 });
  locks.setFile(file.ino, { owner: 10n, type: 0 });
  return world;
}

/** A copy of the records in which the payload of one of them is changed. */
export function withPayload(
  saved: readonly Saved[],
  section: string,
  change: (payload: Uint8Array, view: DataView) => Uint8Array | undefined,
): Saved[] {
  return saved.map((record) => {
    if (record.section !== section) return record;
    const copy = record.payload.slice();
    return { ...record, payload: change(copy, new DataView(copy.buffer)) ?? copy };
  });
}

export const SECTION_NAMES = SECTION_ORDER.map(({ name }) => name);
