import type { Request } from '../../../device/index.ts';
import type { Exchange } from '../../../fuse/index.ts';
import type { LockTable, LockWaiter } from '../locks/table.ts';
import type { FuseSession } from '../tree/file-system.ts';

/** A file that is open, as far as locks are concerned. */
export interface LockHolder {
  /** Owners of record locks that were taken through it. */
  lockOwners: Set<bigint> | undefined;
}

/** What requests are about, whatever it is kept in: it has a session, locks, open files. */
export interface Served {
  /** Undefined until FUSE_INIT was answered. */
  session: FuseSession | undefined;
  /** By node id. */
  readonly locks: LockTable;
  /** The file that is open under `handle`, if it is the one with the id `node`. */
  fileOf(node: number, handle: number): LockHolder | undefined;
  /** The guest gives `lookups` references to `node` back. */
  forget(node: number, lookups: number): void;
  /** Drop what belongs to one boot of the guest. */
  endSession(): void;
}

/** What operations work on. */
export class Serving<F extends Served> {
  /** Another one once state was loaded. */
  fileSystem: F;
  /** The request that is being handled. */
  request!: Request;
  /** FUSE_INIT flags that the device agrees to. */
  readonly offers: bigint;
  /** The latest minor version of FUSE 7 that it speaks. */
  readonly minor: number;
  /** Requests that wait for a lock, by their `unique`. */
  readonly waits = new Map<bigint, LockWaiter>();

  constructor(fileSystem: F, offers: bigint, minor: number) {
    this.fileSystem = fileSystem;
    this.offers = offers;
    this.minor = minor;
  }

  /** What belonged to one boot of the guest goes. */
  endSession(): void {
    this.waits.clear();
    this.fileSystem.endSession();
  }

  /** Nobody waits for a lock any more: the requests will be made again. */
  forgetWaits(): void {
    this.waits.clear();
    this.fileSystem.locks.forgetWaiters();
  }
}

/**
 * One operation of the protocol. It answers with the length of the body it has put into the reply, with a negative errno
 * and nothing changed, or with an `Outcome`.
 */
export type Run<F extends Served> = (serving: Serving<F>, x: Exchange) => number;
