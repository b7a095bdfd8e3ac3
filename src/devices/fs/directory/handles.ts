import { OpenMode } from '../../../sys/index.ts';
import { OpenFile } from '../tree/handles.ts';
import type { HostInode } from './inode.ts';

const { accessMode, sync, dataSync, noAtime, nonBlock } = OpenMode;
const KEPT = accessMode | sync | dataSync | noAtime;

/**
 * Of the flags of open(2) that the guest gave those that a descriptor here is opened with. Making and truncating are done
 * once; O_APPEND is the device's matter, since what a mapping is written back by has an offset; O_DIRECT would want memory
 * that is aligned. O_NONBLOCK, so that another program's lease on the file does not hold the device up.
 */
export function hostFlags(flags: number): number {
  return (flags & KEPT) | nonBlock;
}

/** A file that the guest has open, and the descriptor by which it is open here; -1 where the file was lost in a move. */
export class HostFile extends OpenFile<HostInode> {
  fd: number;

  constructor(handle: number, inode: HostInode, flags: number, fd: number) {
    super(handle, inode, flags);
    this.fd = fd;
  }
}

/** The names behind a position, as they were carried from another file system; parallel lists in their order. */
export interface CarriedListing {
  readonly cookies: readonly bigint[];
  /** One character per byte. */
  readonly names: readonly string[];
}

/** A directory that the guest has open, and the descriptor by which it is read here; -1 where it was lost in a move. */
export class HostDirectory {
  readonly handle: number;
  readonly inode: HostInode;
  /** As given to open(2). */
  readonly flags: number;
  fd: number;
  /**
   * Where the descriptor stands: the cookie of the entry that was read last, in two words of 32 bits. Cookies are those of
   * the host's file system, which stay good as long as the directory is there.
   */
  positionLow = 0;
  positionHigh = 0;
  /** Listed in place of what the host has, until the guest begins anew. */
  carried: CarriedListing | undefined = undefined;

  constructor(handle: number, inode: HostInode, flags: number, fd: number) {
    this.handle = handle;
    this.inode = inode;
    this.flags = flags;
    this.fd = fd;
  }
}
