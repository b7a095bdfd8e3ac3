import type { Destination } from '../../state/destination.ts';
import type { HostDirectory } from '../handles.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import type { FileIdentity, Identity } from './identity.ts';
import { MAX_TOLD } from './limits.ts';
import { Mismatch } from './mismatch.ts';

/** What the device that takes a state has, and is to do for the guest. */
export interface ShareDestination {
  /** What it serves now. It stays as it is. */
  readonly share: Share;
  /** What it can agree on in FUSE_INIT. */
  readonly init: Destination['init'];
  /** How sure it has to be that a file is the source's. */
  readonly identity: Identity;
  /** A file that is not what it was at the source: refuse the whole state, or give the guest an error for that file. */
  readonly onMismatch: OnMismatch;
}

export const ON_MISMATCH = ['refuse', 'guest-error'] as const;

export type OnMismatch = (typeof ON_MISMATCH)[number];

/** What a state announces about itself in its first record. */
export interface ShareTotals {
  readonly inodes: number;
  readonly handles: number;
  readonly locks: number;
  readonly nextNode: number;
  readonly nextHandle: number;
  readonly generation: number;
}

/** A file without a name that comes with its contents. */
export interface IncomingFile {
  readonly generation: number;
  readonly lookups: number;
  /** The inode number that the guest was told. */
  readonly shownIno: number;
  readonly identity: FileIdentity;
  /** Under what name, or where, it was. */
  readonly name: string;
}

/** A carried file that was made, and what it gets when its contents are complete. */
export interface MadeFile {
  readonly file: IncomingFile;
  readonly inode: HostInode;
  readonly uid: number;
  readonly gid: number;
  readonly atime: number;
  readonly atimeNanos: number;
  /** Extended attributes, and bytes of data, that are still to come. */
  xattrs: number;
  bytes: number;
}

/** What is in a directory that the guest is in the middle of. */
export interface IncomingListing {
  /** How many names are still to come. */
  left: number;
  readonly cookies: bigint[];
  readonly names: string[];
}

/** A shared directory with everything that a guest refers to, built from a saved state beside the one that is served. */
export class LoadedShare implements Disposable {
  readonly share: Share;
  readonly totals: ShareTotals;
  readonly destination: ShareDestination;
  /** What came so far, to be held against `totals`. */
  readonly seen = { inodes: 0, handles: 0, locks: 0, listed: 0 };
  /** By node id: carried files whose inodes came, and that are not made yet. */
  readonly incoming = new Map<number, IncomingFile>();
  /** By node id. */
  readonly made = new Map<number, MadeFile>();
  /** By handle of a directory. */
  readonly listings = new Map<number, IncomingListing>();
  /** Directories that the guest is in the middle of, and whose listing has not come. */
  readonly midway = new Set<HostDirectory>();
  #troubled = 0;
  readonly #told: string[] = [];

  constructor(totals: ShareTotals, destination: ShareDestination) {
    this.totals = totals;
    this.destination = destination;
    this.share = destination.share.beside();
    this.share.nextHandle = totals.nextHandle;
  }

  /** What the guest gets an error for, in lines for the operator. */
  get troubles(): readonly string[] {
    const more = this.#troubled - this.#told.length;
    return more === 0
      ? this.#told
      : [...this.#told, `${more} more files are not what they were at the source`];
  }

  /** A file is not what it was at the source. Throws `ERR_FS_MISMATCH` unless the guest is to get an error for it. */
  mismatch(path: string, why: string): void {
    if (this.destination.onMismatch === 'refuse') throw new Mismatch(path, why);
    if (this.#troubled++ < MAX_TOLD) this.#told.push(`the guest gets an error for ${path}: ${why}`);
  }

  [Symbol.dispose](): void {
    this.share[Symbol.dispose]();
  }
}
