import { FerryError, SystemError } from '../../../errors.ts';
import {
  closeFile,
  errnoName,
  OpenMode,
  openPath,
  reopen,
  type ThreadCredentials,
} from '../../../sys/index.ts';
import { LockTable } from '../locks/table.ts';
import type { Served } from '../serving/serving.ts';
import type { FuseSession } from '../tree/file-system.ts';
import type { DescriptorBudget } from './budget.ts';
import type { CachePolicy } from './cache.ts';
import { HostDirectory, HostFile } from './handles.ts';
import type { HostInode } from './inode.ts';
import { InodeTable } from './inode-table.ts';

/** How a directory is shared. */
export interface ShareSetup {
  /** The path that it was opened by. */
  readonly path: string;
  readonly budget: DescriptorBudget;
  readonly credentials: ThreadCredentials;
  readonly cache: CachePolicy;
}

/**
 * A directory of the host as one guest refers to it: inodes, handles, locks, the session. Nothing here is contents; those
 * are the host's. It owns every descriptor that it holds.
 */
export class Share implements Served, Disposable {
  readonly setup: ShareSetup;
  readonly inodes: InodeTable;
  /** By handle. */
  readonly files = new Map<number, HostFile>();
  /** By handle. Files and directories share one row of handle numbers. */
  readonly directories = new Map<number, HostDirectory>();
  /** By node id. */
  readonly locks = new LockTable();
  /** Undefined until FUSE_INIT was answered. */
  session: FuseSession | undefined = undefined;
  nextHandle = 1;
  /** The shared directory, open for reading. */
  readonly mount: number;
  readonly #budget: DescriptorBudget;

  /** Share what `rootFd` points at, which it owns from now on. */
  private constructor(setup: ShareSetup, rootFd: number) {
    this.setup = setup;
    this.#budget = setup.budget;
    this.mount = reopen(rootFd, OpenMode.readOnly | OpenMode.directory);
    if (this.mount < 0) {
      closeFile(rootFd);
      throw cannotShare(setup.path, -this.mount);
    }
    this.inodes = new InodeTable(rootFd, this.mount, setup.budget, setup.credentials.canOpenHandles);
  }

  /** Share the directory at the path in `setup`. Throws `ERR_FS_DIRECTORY` where it cannot be opened. */
  static open(setup: ShareSetup): Share {
    const rootFd = openPath(setup.path);
    if (rootFd < 0) throw cannotShare(setup.path, -rootFd);
    return new Share(setup, rootFd);
  }

  /** The same directory once more, without anything that a guest refers to. Throws `ERR_FS_DIRECTORY`. */
  beside(): Share {
    const rootFd = reopen(this.root.fd, OpenMode.path | OpenMode.directory);
    if (rootFd < 0) throw cannotShare(this.setup.path, -rootFd);
    return new Share(this.setup, rootFd);
  }

  get root(): HostInode {
    return this.inodes.root;
  }

  /** Whether one more file or directory can be opened. */
  get canOpen(): boolean {
    return this.#budget.hasRoom;
  }

  /** The file that is open under `handle`, if it is the one with the id `node`. */
  fileOf(node: number, handle: number): HostFile | undefined {
    const file = this.files.get(handle);
    return file !== undefined && file.inode.node === node ? file : undefined;
  }

  /** The directory that is open under `handle`, if it is the one with the id `node`. */
  directoryOf(node: number, handle: number): HostDirectory | undefined {
    const directory = this.directories.get(handle);
    return directory !== undefined && directory.inode.node === node ? directory : undefined;
  }

  /** Give `fd`, by which `inode` is open, a handle; it belongs to the share until `closeFile`. */
  openFile(inode: HostInode, flags: number, fd: number): HostFile {
    return this.restoreFile(new HostFile(this.nextHandle++, inode, flags, fd));
  }

  /** Take in a handle that was saved. */
  restoreFile(file: HostFile): HostFile {
    this.files.set(file.handle, file);
    file.inode.opens++;
    if (file.fd >= 0) this.#budget.used++;
    return file;
  }

  closeFile(file: HostFile): void {
    if (!this.files.delete(file.handle)) return;
    const { inode } = file;
    if (inode.opened === file) {
      // What the guest still refers to has to be held by another descriptor from now on.
      if (inode.lookups > 0) this.inodes.descriptor(inode);
      inode.opened = undefined;
    }
    this.#closed(file);
  }

  /** As `openFile`, for a directory. */
  openDirectory(inode: HostInode, flags: number, fd: number): HostDirectory {
    return this.restoreDirectory(new HostDirectory(this.nextHandle++, inode, flags, fd));
  }

  /** Take in a handle that was saved. */
  restoreDirectory(directory: HostDirectory): HostDirectory {
    this.directories.set(directory.handle, directory);
    directory.inode.opens++;
    if (directory.fd >= 0) this.#budget.used++;
    return directory;
  }

  closeDirectory(directory: HostDirectory): void {
    if (this.directories.delete(directory.handle)) this.#closed(directory);
  }

  /** The guest gives `lookups` references to `node` back. */
  forget(node: number, lookups: number): void {
    const inode = this.inodes.get(node);
    if (inode === undefined) return;
    inode.lookups = Math.max(0, inode.lookups - lookups);
    this.#forgetUnreferenced(inode);
  }

  /** Drop what belongs to one boot of the guest. */
  endSession(): void {
    this.session = undefined;
    this.locks.clear();
    for (const inode of this.inodes.values()) inode.lookups = 0;
    for (const file of this.files.values()) this.closeFile(file);
    for (const directory of this.directories.values()) this.closeDirectory(directory);
    for (const inode of this.inodes.values()) this.#forgetUnreferenced(inode);
  }

  [Symbol.dispose](): void {
    this.endSession();
    this.inodes[Symbol.dispose]();
    closeFile(this.mount);
  }

  #closed(opened: HostFile | HostDirectory): void {
    if (opened.fd >= 0) {
      closeFile(opened.fd);
      opened.fd = -1;
      this.#budget.used--;
    }
    opened.inode.opens--;
    this.#forgetUnreferenced(opened.inode);
  }

  #forgetUnreferenced(inode: HostInode): void {
    if (!inode.unreferenced) return;
    this.locks.removeNode(inode.node);
    this.inodes.forgetUnreferenced(inode);
  }
}

function cannotShare(path: string, errno: number): FerryError {
  const cause = new SystemError('open', errno, errnoName(errno), path);
  return new FerryError('ERR_FS_DIRECTORY', `Cannot share ${path}: ${cause.message}`, { cause });
}
