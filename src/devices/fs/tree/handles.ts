import type { Inode } from './inode.ts';

/** The access mode within the flags of open(2), and the flags that matter after it. Values of every 64-bit Linux. */
export const OpenFlag = {
  accessMode: 3,
  readOnly: 0,
  writeOnly: 1,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  noAtime: 0o1000000,
} as const;

/** A file that the guest has open: what OPEN and CREATE answered with `handle`. */
export class OpenFile<I = Inode> {
  readonly handle: number;
  readonly inode: I;
  /** As given to open(2). */
  readonly flags: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /**
   * Owners of record locks that were taken through this handle and not given up by a FLUSH: what is left of them at
   * RELEASE are locks of the open file itself (F_OFD_SETLK), which end with it.
   */
  lockOwners: Set<bigint> | undefined = undefined;

  constructor(handle: number, inode: I, flags: number) {
    const mode = flags & OpenFlag.accessMode;
    this.handle = handle;
    this.inode = inode;
    this.flags = flags;
    this.readable = mode !== OpenFlag.writeOnly;
    this.writable = mode !== OpenFlag.readOnly;
  }
}

/** A directory that the guest has open. */
export class OpenDirectory {
  readonly handle: number;
  readonly inode: Inode;
  /** As given to open(2). */
  readonly flags: number;
  /** The cookie that the next READDIR is expected to resume after: where the last one ended. */
  position = 0;

  constructor(handle: number, inode: Inode, flags: number) {
    this.handle = handle;
    this.inode = inode;
    this.flags = flags;
  }
}
