import fs from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type FuseClient, FuseError, requests, SetattrValid } from '../../src/fuse/index.ts';

const { errno } = constants;

export const Open = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_WRONLY,
  both: fs.constants.O_RDWR,
  create: fs.constants.O_CREAT,
  exclusive: fs.constants.O_EXCL,
  truncate: fs.constants.O_TRUNC,
} as const;

/** What stat(2) says that does not differ from file system to file system. */
export interface Status {
  readonly mode: number;
  readonly nlink: number;
  /** Of directories: 0, as each file system has its own idea of it. */
  readonly size: number;
  readonly mtime: number;
}

/** A file system as a program sees it. Paths have at most two names; links are never followed to anything. */
export interface Posix {
  mkdir(path: string, mode: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  chmod(path: string, mode: number): void;
  utimes(path: string, seconds: number): void;
  truncate(path: string, size: number): void;
  status(path: string): Status;
  list(path: string): string[];
  /** Returns a descriptor; links are not followed. */
  open(path: string, flags: number, mode: number): number;
  close(descriptor: number): void;
  read(descriptor: number, offset: number, length: number): string;
  write(descriptor: number, offset: number, data: Uint8Array): number;
  resize(descriptor: number, size: number): void;
  descriptorStatus(descriptor: number): Status;
}

function isFolder(mode: number): boolean {
  return (mode & 0o170000) === 0o040000;
}

/** The file system of the machine, below `folder`. */
export class HostPosix implements Posix {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #at(path: string): string {
    return join(this.#folder, path);
  }

  #status({ mode, nlink, size, mtimeMs }: fs.Stats): Status {
    return { mode, nlink, size: isFolder(mode) ? 0 : size, mtime: mtimeMs };
  }

  mkdir = (path: string, mode: number) => fs.mkdirSync(this.#at(path), mode);
  rmdir = (path: string) => fs.rmdirSync(this.#at(path));
  unlink = (path: string) => fs.unlinkSync(this.#at(path));
  rename = (from: string, to: string) => fs.renameSync(this.#at(from), this.#at(to));
  link = (from: string, to: string) => fs.linkSync(this.#at(from), this.#at(to));
  symlink = (target: string, path: string) => fs.symlinkSync(target, this.#at(path));
  readlink = (path: string) => fs.readlinkSync(this.#at(path));
  chmod = (path: string, mode: number) => fs.chmodSync(this.#at(path), mode);
  utimes = (path: string, seconds: number) => fs.utimesSync(this.#at(path), seconds, seconds);
  truncate = (path: string, size: number) => fs.truncateSync(this.#at(path), size);
  status = (path: string) => this.#status(fs.lstatSync(this.#at(path)));
  list = (path: string) => fs.readdirSync(this.#at(path)).sort();
  open = (path: string, flags: number, mode: number) =>
    fs.openSync(this.#at(path), flags | fs.constants.O_NOFOLLOW, mode);
  close = (descriptor: number) => fs.closeSync(descriptor);
  write = (descriptor: number, offset: number, data: Uint8Array) =>
    fs.writeSync(descriptor, data, 0, data.length, offset);
  resize = (descriptor: number, size: number) => fs.ftruncateSync(descriptor, size);
  descriptorStatus = (descriptor: number) => this.#status(fs.fstatSync(descriptor));

  read(descriptor: number, offset: number, length: number): string {
    const area = Buffer.alloc(length);
    return area.toString('hex', 0, fs.readSync(descriptor, area, 0, length, offset));
  }
}

interface Opened {
  readonly node: number;
  readonly handle: number;
}

/**
 * What the guest's kernel makes of system calls: walks paths, decides what it can decide, sends requests. It takes a
 * reference for each step and gives each back at the end of the call; open files keep one.
 */
export class FusePosix implements Posix {
  /** May be replaced while files are open: by the client of a device that the state was moved to. */
  client: FuseClient;
  readonly #opened = new Map<number, Opened>();
  readonly #mask = process.umask();
  #next = 1;

  constructor(client: FuseClient) {
    this.client = client;
  }

  #fail(name: keyof typeof errno): never {
    throw new FuseError('call', errno[name]);
  }

  /** Do `work` with the directory that the last name of `path` is in, and that name. */
  #within<T>(path: string, work: (directory: number, name: string) => T): T {
    const [first, second] = path.split('/');
    if (second === undefined) return work(1, first!);
    const entry = this.client.find(1, first!);
    if (entry === undefined) this.#fail('ENOENT');
    try {
      // A link that leads nowhere.
      if ((entry.mode & 0o170000) === 0o120000) this.#fail('ENOENT');
      if (!isFolder(entry.mode)) this.#fail('ENOTDIR');
      return work(entry.node, second);
    } finally {
      this.client.forget(entry.node, 1);
    }
  }

  /** Do `work` with what `path` names; with `follow`, a link leads nowhere. */
  #with<T>(path: string, follow: boolean, work: (node: number, mode: number) => T): T {
    return this.#within(path, (directory, name) => {
      const entry = this.client.lookup(directory, name);
      try {
        if (follow && (entry.mode & 0o170000) === 0o120000) this.#fail('ENOENT');
        return work(entry.node, entry.mode);
      } finally {
        this.client.forget(entry.node, 1);
      }
    });
  }

  /** Forget the reference that an answer came with. */
  #made({ node }: { node: number }): void {
    this.client.forget(node, 1);
  }

  /** Whether `directory` has the name; the kernel looks before it makes anything. */
  #has(directory: number, name: string): boolean {
    const entry = this.client.find(directory, name);
    if (entry !== undefined) this.client.forget(entry.node, 1);
    return entry !== undefined;
  }

  mkdir(path: string, mode: number): void {
    this.#within(path, (directory, name) => this.#made(this.client.mkdir(directory, name, mode, this.#mask)));
  }

  rmdir(path: string): void {
    this.#within(path, (directory, name) => this.client.call(requests.rmdir(directory, name)));
  }

  unlink(path: string): void {
    this.#within(path, (directory, name) => this.client.call(requests.unlink(directory, name)));
  }

  rename(from: string, to: string): void {
    this.#within(from, (directory, name) =>
      this.#within(to, (newDirectory, newName) =>
        this.client.call(requests.rename(directory, name, newDirectory, newName)),
      ),
    );
  }

  link(from: string, to: string): void {
    this.#with(from, false, (node, mode) =>
      this.#within(to, (directory, name) => {
        if (this.#has(directory, name)) this.#fail('EEXIST');
        if (isFolder(mode)) this.#fail('EPERM');
        this.#made(this.client.link(node, directory, name));
      }),
    );
  }

  symlink(target: string, path: string): void {
    this.#within(path, (directory, name) => this.#made(this.client.symlink(directory, name, target)));
  }

  readlink(path: string): string {
    return this.#with(path, false, (node) => Buffer.from(this.client.readlink(node)).toString());
  }

  chmod(path: string, mode: number): void {
    this.#with(path, true, (node) => this.client.setattr(node, { valid: SetattrValid.mode, mode }));
  }

  utimes(path: string, seconds: number): void {
    const valid = SetattrValid.atime | SetattrValid.mtime;
    this.#with(path, true, (node) => this.client.setattr(node, { valid, atime: seconds, mtime: seconds }));
  }

  truncate(path: string, size: number): void {
    // node:fs truncates by opening the file.
    const descriptor = this.#open(path, Open.both, 0, true);
    try {
      this.resize(descriptor, size);
    } finally {
      this.close(descriptor);
    }
  }

  status(path: string): Status {
    return this.#with(path, false, (node) => this.#status(node));
  }

  list(path: string): string[] {
    if (path === '.') return this.#list(1);
    return this.#with(path, true, (node, mode) => {
      if (!isFolder(mode)) this.#fail('ENOTDIR');
      return this.#list(node);
    });
  }

  #list(node: number): string[] {
    const { client } = this;
    const handle = client.opendir(node);
    const names: string[] = [];
    for (let cookie: number | bigint = 0; ; ) {
      const entries = client.readdirplus(node, handle, cookie, 700);
      if (entries.length === 0) break;
      for (const { name, entry } of entries) {
        if (entry !== undefined && entry.node !== 0) client.forget(entry.node, 1);
        names.push(Buffer.from(name).toString());
      }
      cookie = entries.at(-1)!.cookie;
    }
    client.call(requests.releasedir(node, handle));
    return names.filter((name) => name !== '.' && name !== '..').sort();
  }

  open(path: string, flags: number, mode: number): number {
    return this.#open(path, flags, mode, false);
  }

  #open(path: string, flags: number, mode: number, follow: boolean): number {
    return this.#within(path, (directory, name) => {
      const entry = this.client.find(directory, name);
      if (entry === undefined) {
        if ((flags & Open.create) === 0) this.#fail('ENOENT');
        const made = this.client.create(directory, name, flags, mode | 0o100000, this.#mask);
        return this.#opening(made.entry.node, made.handle);
      }
      try {
        return this.#openExisting(entry, flags, follow);
      } catch (error) {
        this.client.forget(entry.node, 1);
        throw error;
      }
    });
  }

  #openExisting({ node, mode }: { node: number; mode: number }, flags: number, follow: boolean): number {
    if (flags & Open.create && flags & Open.exclusive) this.#fail('EEXIST');
    if ((mode & 0o170000) === 0o120000) this.#fail(follow ? 'ENOENT' : 'ELOOP');
    if (isFolder(mode) && flags & (Open.create | Open.write | Open.both | Open.truncate))
      this.#fail('EISDIR');
    if (isFolder(mode)) return this.#opening(node, -1);
    return this.#opening(node, this.client.open(node, flags & ~(Open.create | Open.exclusive)));
  }

  #opening(node: number, handle: number): number {
    this.#opened.set(this.#next, { node, handle });
    return this.#next++;
  }

  #file(descriptor: number): Opened {
    return this.#opened.get(descriptor) ?? this.#fail('EBADF');
  }

  close(descriptor: number): void {
    const { node, handle } = this.#file(descriptor);
    this.#opened.delete(descriptor);
    if (handle >= 0) this.client.call(requests.release(node, handle));
    this.client.forget(node, 1);
  }

  read(descriptor: number, offset: number, length: number): string {
    const { node, handle } = this.#file(descriptor);
    if (handle < 0) this.#fail('EISDIR');
    return Buffer.from(this.client.read(node, handle, offset, length)).toString('hex');
  }

  write(descriptor: number, offset: number, data: Uint8Array): number {
    const { node, handle } = this.#file(descriptor);
    if (handle < 0) this.#fail('EBADF');
    return this.client.write(node, handle, offset, data);
  }

  resize(descriptor: number, size: number): void {
    const { node, handle } = this.#file(descriptor);
    if (handle < 0) this.#fail('EINVAL');
    try {
      this.client.setattr(node, { valid: SetattrValid.size | SetattrValid.handle, handle, size });
    } catch (error) {
      // The kernel knows by itself that the descriptor cannot write.
      if (error instanceof FuseError && error.errno === errno.EBADF) this.#fail('EINVAL');
      throw error;
    }
  }

  descriptorStatus(descriptor: number): Status {
    const { node, handle } = this.#file(descriptor);
    return this.#status(node, handle < 0 ? undefined : handle);
  }

  #status(node: number, handle?: number): Status {
    const { mode, nlink, size, mtime, mtimeNanos } = this.client.getattr(node, handle);
    return { mode, nlink, size: isFolder(mode) ? 0 : size, mtime: mtime * 1000 + mtimeNanos / 1e6 };
  }
}
