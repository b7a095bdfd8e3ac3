import type { Request } from '../../../device/index.ts';
import type { Exchange } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { LockWaiter } from '../locks/table.ts';
import type { FileSystem } from '../tree/file-system.ts';
import type { OpenDirectory, OpenFile } from '../tree/handles.ts';
import type { Inode } from '../tree/inode.ts';

/** What operations work on. */
export class Serving {
  /** Another one once state was loaded. */
  fileSystem: FileSystem;
  /** The request that is being handled. */
  request!: Request;
  /** FUSE_INIT flags that the device agrees to. */
  readonly offers: bigint;
  /** Requests that wait for a lock, by their `unique`. */
  readonly waits = new Map<bigint, LockWaiter>();

  constructor(fileSystem: FileSystem, offers: bigint) {
    this.fileSystem = fileSystem;
    this.offers = offers;
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
export type Run = (serving: Serving, x: Exchange) => number;

/** The inode with the number `ino`, if it is a directory. */
export function directoryAt(serving: Serving, ino: number): Inode | undefined {
  const inode = serving.fileSystem.inodes.get(ino);
  return inode?.directory === undefined ? undefined : inode;
}

/** Why `directoryAt` found nothing: what is there is no directory, or there is nothing. */
export function noDirectoryAt(serving: Serving, ino: number): number {
  return serving.fileSystem.inodes.has(ino) ? -Errno.ENOTDIR : -Errno.ESTALE;
}

/** The file that is open under `handle`, if it is the one that the request is about. */
export function fileAt(serving: Serving, x: Exchange, handle: number): OpenFile | undefined {
  const file = serving.fileSystem.files.get(handle);
  return file !== undefined && file.inode.ino === x.node ? file : undefined;
}

/** The directory that is open under `handle`, if it is the one that the request is about. */
export function openDirectoryAt(serving: Serving, x: Exchange, handle: number): OpenDirectory | undefined {
  const directory = serving.fileSystem.directories.get(handle);
  return directory !== undefined && directory.inode.ino === x.node ? directory : undefined;
}
