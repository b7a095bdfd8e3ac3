import { PAGE_SIZE } from '../../../sys/index.ts';
import { PageArena } from './arena.ts';
import { FileContent } from './content.ts';

/**
 * The contents of a whole file system: every `FileContent` made here lives in one arena of `size` bytes, which is the
 * limit for all of them together. Disposing of the store ends all of them.
 */
export class ContentStore implements Disposable {
  readonly arena: PageArena;

  /** A store for `size` bytes of contents, rounded down to whole pages; memory is used only as files are written. */
  constructor(size: number) {
    this.arena = new PageArena(Math.floor(size / PAGE_SIZE));
  }

  /** Bytes that contents can have in all. */
  get size(): number {
    return this.arena.capacity * PAGE_SIZE;
  }

  /** Pages of `PAGE_SIZE` bytes in all, as statfs(2) reports them. */
  get totalPages(): number {
    return this.arena.capacity;
  }

  /** Pages that no file has. */
  get freePages(): number {
    return this.arena.free;
  }

  /** A new empty file. */
  create(): FileContent {
    return new FileContent(this.arena);
  }

  /** Give the memory of deleted contents back to the host now. */
  trim(): void {
    this.arena.trim();
  }

  [Symbol.dispose](): void {
    this.arena[Symbol.dispose]();
  }
}
