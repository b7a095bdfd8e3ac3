import { ContentStore } from '../contents/store.ts';
import { FileSystem } from '../tree/file-system.ts';
import type { Destination } from './destination.ts';
import type { Totals } from './load-head.ts';

/** A file system built from a saved state, beside whatever there is. Disposing of it gives its memory back. */
export class LoadedState implements Disposable {
  readonly fileSystem: FileSystem;
  readonly totals: Totals;
  readonly destination: Destination;
  /** What came so far, to be held against `totals`. */
  readonly seen = { entries: 0, xattrs: 0, handles: 0, locks: 0 };
  /** By inode number: how many names were seen. */
  readonly links = new Map<number, number>();
  /** By the number of a removed directory: the number of what `..` names in it. */
  readonly removedParents = new Map<number, number>();

  constructor(totals: Totals, destination: Destination) {
    this.totals = totals;
    this.destination = destination;
    const contents = destination.takeContents?.() ?? new ContentStore(destination.memory);
    this.fileSystem = new FileSystem(contents, destination.limits);
    this.fileSystem.nextIno = totals.nextIno;
    this.fileSystem.nextHandle = totals.nextHandle;
    this.fileSystem.generation = totals.generation + 1;
  }

  [Symbol.dispose](): void {
    this.fileSystem[Symbol.dispose]();
  }
}
