import { fileStatus } from '../../../sys/index.ts';

/** Which file of the host it is. `fileStatus` has all of it. */
export interface HostIdentity {
  /** Device number of the file system: major times 2^20, and minor. */
  readonly dev: number;
  readonly inoLow: number;
  readonly inoHigh: number;
  /** When it was made, in seconds and nanoseconds: tells it from a later file that was given the same number. */
  readonly btime: number;
  readonly btimeNanos: number;
  /** One of `FileType`. */
  readonly type: number;
}

/**
 * One file of the host that the guest refers to. There is one for each (device, inode number), however many names it has.
 * Which file it is stands in `dev`, `inoLow`, `inoHigh` and the time of birth; where it was seen last, in `parent` and
 * `name`, which is only good for looking there again.
 */
export class HostInode implements HostIdentity {
  /** The FUSE node id: never given to another file. */
  readonly node: number;
  readonly generation: number;
  readonly dev: number;
  readonly inoLow: number;
  readonly inoHigh: number;
  readonly btime: number;
  readonly btimeNanos: number;
  readonly type: number;
  /** The O_PATH descriptor that it is held by; -1 while there is none. Use `InodeTable.descriptor`. */
  fd = -1;
  /** Where the descriptor stands in the row of those that can be closed to make room; -1 where it cannot. */
  seat = -1;
  /** Whether it was used since it was last thought of closing its descriptor. */
  recent = true;
  /** The next inode in the table whose host identity falls into the same place. */
  next: HostInode | undefined = undefined;
  /** The directory in which it was last seen, and under which name, one character per byte. The root has none. */
  parent: HostInode | undefined = undefined;
  name = '';
  /** Inodes whose `parent` this one is: it stays in the table as long as there are any. */
  children = 0;
  /** The handle that the file was made with, as long as it is open: it serves in place of a descriptor of the inode. */
  opened: { readonly fd: number } | undefined = undefined;
  /** References that the guest's kernel holds: one more with every reply that named the file, taken back by FORGET. */
  lookups = 0;
  /** Handles that are open on it. */
  opens = 0;
  /** The guest took away the last name that was known here, or it never had one (O_TMPFILE). */
  removed = false;
  /** The file that the guest means could not be found again after a move: every request about it is answered ESTALE. */
  lost = false;
  /** What the file system calls the file by itself, kept while the descriptor is closed; undefined where there is none. */
  fileHandle: Uint8Array | undefined = undefined;
  /** The inode number that the guest is told in place of the host's. */
  shownIno: number | undefined = undefined;

  /** The file that `identity` names: what `fileStatus` describes, unless it is said. */
  constructor(node: number, generation: number, identity: HostIdentity = fileStatus) {
    this.node = node;
    this.generation = generation;
    this.dev = identity.dev;
    this.inoLow = identity.inoLow;
    this.inoHigh = identity.inoHigh;
    this.btime = identity.btime;
    this.btimeNanos = identity.btimeNanos;
    this.type = identity.type;
  }

  /** Whether `fileStatus` describes this file. */
  get isDescribed(): boolean {
    return this.is(fileStatus);
  }

  /** Whether it is the file that `identity` names. */
  is(identity: HostIdentity): boolean {
    return (
      this.inoLow === identity.inoLow &&
      this.inoHigh === identity.inoHigh &&
      this.dev === identity.dev &&
      this.btimeNanos === identity.btimeNanos &&
      this.btime === identity.btime &&
      this.type === identity.type
    );
  }

  /** Whether nothing refers to it any more. */
  get unreferenced(): boolean {
    return this.lookups === 0 && this.opens === 0 && this.children === 0;
  }
}
