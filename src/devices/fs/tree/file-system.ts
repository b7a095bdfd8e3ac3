import type { ContentStore } from '../contents/store.ts';
import { type FileSystemLimits, MAX_HANDLES } from '../limits.ts';
import { LockTable } from '../locks/table.ts';
import { Clock } from './clock.ts';
import { Directory, type DirectoryEntry } from './directory.ts';
import { OpenDirectory, OpenFile } from './handles.ts';
import { FileType, Inode } from './inode.ts';

/** The inode number of the root directory; FUSE knows it by this node id without looking it up. */
export const ROOT_INO = 1;

/**
 * What FUSE_INIT settled between the guest's kernel and the device. It is part of the state, because the guest's kernel
 * does not negotiate again after a migration.
 */
export interface FuseSession {
  readonly minor: number;
  /** FUSE_INIT flags that both sides agreed on; bits 32 and up are `flags2` on the wire. */
  readonly flags: bigint;
  readonly maxReadahead: number;
  readonly maxWrite: number;
}

/**
 * Everything the device holds: the tree with all contents, which belongs to the process, and what one boot of the guest
 * refers to of it (lookup counts, handles, locks, the session), which `endSession` drops.
 *
 * The primitives here keep counts and indices right; what the operations mean is in `operations/`.
 */
export class FileSystem implements Disposable {
  readonly contents: ContentStore;
  readonly limits: FileSystemLimits;
  /** What files are stamped by; the device's own once it is served. */
  clock = new Clock();
  /** By inode number. */
  readonly locks = new LockTable();
  /** By inode number: everything that has a name, a reference in the guest or an open handle. */
  readonly inodes = new Map<number, Inode>();
  /** By handle. */
  readonly files = new Map<number, OpenFile>();
  /** By handle. Files and directories share one row of handle numbers. */
  readonly directories = new Map<number, OpenDirectory>();
  /** Undefined until FUSE_INIT was answered. */
  session: FuseSession | undefined = undefined;
  nextIno = ROOT_INO;
  nextHandle = 1;
  /** The generation of inodes made from now on; greater by one after each load of a state. */
  generation = 1;
  #furtherLinks = 0;
  #xattrBytes = 0;

  /** A file system without any inode yet; it owns `contents` from now on. */
  constructor(contents: ContentStore, limits: FileSystemLimits) {
    this.contents = contents;
    this.limits = limits;
  }

  /** A file system with nothing but a root directory that belongs to root and has mode 755. */
  static create(contents: ContentStore, limits: FileSystemLimits): FileSystem {
    const fileSystem = new FileSystem(contents, limits);
    const root = fileSystem.createInode(FileType.directory | 0o755, 0, 0);
    root.nlink = 2;
    return fileSystem;
  }

  get root(): Inode {
    return this.inodes.get(ROOT_INO)!;
  }

  /** How much of `limits.inodes` is used. */
  get usedInodes(): number {
    return this.inodes.size + this.#furtherLinks;
  }

  /** How much of `limits.xattrBytes` is used. */
  get xattrBytes(): number {
    return this.#xattrBytes;
  }

  /** Whether one more file, or one more link to one, is within the limits. */
  get hasRoom(): boolean {
    return this.usedInodes < this.limits.inodes;
  }

  /** Whether one more file or directory can be opened. */
  get canOpen(): boolean {
    return this.files.size + this.directories.size < MAX_HANDLES;
  }

  /** Make a file of the type in `mode`, stamped with the time, and with no name yet. Room is the caller's to check. */
  createInode(mode: number, uid: number, gid: number): Inode {
    const inode = new Inode(this.nextIno++, this.generation, mode, uid, gid);
    this.clock.tick();
    const { seconds, nanos } = this.clock;
    inode.atime = inode.mtime = inode.ctime = inode.btime = seconds;
    inode.atimeNanos = inode.mtimeNanos = inode.ctimeNanos = inode.btimeNanos = nanos;
    if (inode.type === FileType.regular) inode.content = this.contents.create();
    if (inode.type === FileType.directory) inode.directory = new Directory(inode);
    this.inodes.set(inode.ino, inode);
    return inode;
  }

  /**
   * Take in an inode that was saved, complete with counts and extended attributes but for the names in it when it is a
   * directory. `nextIno` and `nextHandle` are restored by whoever loads.
   */
  restoreInode(inode: Inode): void {
    this.inodes.set(inode.ino, inode);
    if (inode.directory === undefined) this.#furtherLinks += Math.max(0, inode.nlink - 1);
    for (const [name, value] of inode.xattrs ?? []) this.#xattrBytes += name.length + value.length;
  }

  /** Give `inode` a name in `directory`, which must not have it yet. Room is the caller's to check. */
  link(directory: Inode, name: string, inode: Inode): void {
    directory.directory!.add(name, inode);
    if (inode.directory !== undefined) inode.nlink = 2;
    else if (inode.nlink++ > 0) this.#furtherLinks++;
    this.#placed(directory, inode);
  }

  /** Take a name away; the inode goes with it when nothing else refers to it. A directory must be empty. */
  unlink(directory: Inode, entry: DirectoryEntry): void {
    const inode = entry.inode!;
    directory.directory!.remove(entry);
    this.#lostName(directory, inode);
  }

  /** Move an entry to another name or directory. A `target` that has the name already is replaced, in its place. */
  rename(from: Inode, entry: DirectoryEntry, to: Inode, name: string, target?: DirectoryEntry): void {
    const inode = entry.inode!;
    const replaced = target?.inode;
    from.directory!.remove(entry);
    this.#displaced(from, inode);
    if (target === undefined) to.directory!.add(name, inode);
    else target.inode = inode;
    this.#placed(to, inode);
    if (replaced !== undefined) this.#lostName(to, replaced);
  }

  /** Let two entries name each other's inode. */
  exchange(one: Inode, entry: DirectoryEntry, other: Inode, target: DirectoryEntry): void {
    const inode = entry.inode!;
    const second = target.inode!;
    this.#displaced(one, inode);
    this.#displaced(other, second);
    entry.inode = second;
    target.inode = inode;
    this.#placed(one, second);
    this.#placed(other, inode);
  }

  /** The guest gives `lookups` references to the inode with the number `ino` back. */
  forget(ino: number, lookups: number): void {
    const inode = this.inodes.get(ino);
    if (inode === undefined) return;
    inode.lookups = Math.max(0, inode.lookups - lookups);
    this.forgetUnreferenced(inode);
  }

  /** Free an inode that nothing refers to any more. */
  forgetUnreferenced(inode: Inode): void {
    if (!inode.unreferenced) return;
    inode.content?.release();
    this.clearXattrs(inode);
    this.locks.removeNode(inode.ino);
    this.inodes.delete(inode.ino);
  }

  /** Set an extended attribute. False, and nothing changed, when it is beyond the limit. */
  setXattr(inode: Inode, name: string, value: Uint8Array): boolean {
    const before = inode.xattrs?.get(name);
    const growth = before === undefined ? name.length + value.length : value.length - before.length;
    if (this.#xattrBytes + growth > this.limits.xattrBytes) return false;
    inode.xattrs ??= new Map();
    inode.xattrs.set(name, value);
    this.#xattrBytes += growth;
    return true;
  }

  /** Remove an extended attribute. False when there is none of that name. */
  removeXattr(inode: Inode, name: string): boolean {
    const value = inode.xattrs?.get(name);
    if (inode.xattrs === undefined || value === undefined) return false;
    inode.xattrs.delete(name);
    if (inode.xattrs.size === 0) inode.xattrs = undefined;
    this.#xattrBytes -= name.length + value.length;
    return true;
  }

  /** Remove all extended attributes. */
  clearXattrs(inode: Inode): void {
    for (const [name, value] of inode.xattrs ?? []) this.#xattrBytes -= name.length + value.length;
    inode.xattrs = undefined;
  }

  /** Open a file: the handle counts as a reference to it until `closeFile`. */
  openFile(inode: Inode, flags: number): OpenFile {
    return this.restoreFile(new OpenFile(this.nextHandle++, inode, flags));
  }

  /** Take in a handle that was saved. */
  restoreFile(file: OpenFile): OpenFile {
    this.files.set(file.handle, file);
    file.inode.opens++;
    return file;
  }

  closeFile(file: OpenFile): void {
    if (this.files.delete(file.handle)) this.#closed(file.inode);
  }

  /** The file that is open under `handle`, if it is the one with the number `ino`. */
  fileOf(ino: number, handle: number): OpenFile | undefined {
    const file = this.files.get(handle);
    return file !== undefined && file.inode.ino === ino ? file : undefined;
  }

  /** Open a directory: the handle counts as a reference to it until `closeDirectory`. */
  openDirectory(inode: Inode, flags: number): OpenDirectory {
    return this.restoreDirectory(new OpenDirectory(this.nextHandle++, inode, flags));
  }

  /** Take in a handle that was saved. */
  restoreDirectory(directory: OpenDirectory): OpenDirectory {
    this.directories.set(directory.handle, directory);
    directory.inode.opens++;
    return directory;
  }

  closeDirectory(directory: OpenDirectory): void {
    if (this.directories.delete(directory.handle)) this.#closed(directory.inode);
  }

  /** Drop what belongs to one boot of the guest; files that only the guest still referred to go with it. */
  endSession(): void {
    this.session = undefined;
    this.locks.clear();
    for (const file of this.files.values()) this.closeFile(file);
    for (const directory of this.directories.values()) this.closeDirectory(directory);
    for (const inode of this.inodes.values()) {
      inode.lookups = 0;
      this.forgetUnreferenced(inode);
    }
  }

  [Symbol.dispose](): void {
    this.contents[Symbol.dispose]();
  }

  #placed(directory: Inode, inode: Inode): void {
    if (inode.directory === undefined) return;
    inode.directory.parent = directory;
    directory.nlink++;
  }

  #displaced(directory: Inode, inode: Inode): void {
    if (inode.directory !== undefined) directory.nlink--;
  }

  #lostName(directory: Inode, inode: Inode): void {
    this.#displaced(directory, inode);
    if (inode.directory !== undefined) inode.nlink = 0;
    else if (--inode.nlink > 0) this.#furtherLinks--;
    this.forgetUnreferenced(inode);
  }

  #closed(inode: Inode): void {
    inode.opens--;
    this.forgetUnreferenced(inode);
  }
}
