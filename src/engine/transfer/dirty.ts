import { type DirtyLog, LOG_PAGE_SIZE, type PageBitmap } from '../../memory/index.ts';
import { TransferError } from './errors.ts';
import type { DirtySource } from './machine.ts';

/**
 * Pages that whoever writes to memory marks in a set of its own. Each page is marked after it was written to; marking it
 * before alone would lose what is written between a collection and the end of the write.
 */
export class ExplicitMarks implements DirtySource {
  readonly #marks: PageBitmap;

  constructor(marks: PageBitmap) {
    this.#marks = marks;
  }

  /** What was marked before is of no interest: all pages are sent once. */
  start(): void {
    this.#marks.clear();
  }

  collect(into: PageBitmap): number {
    return this.#marks.moveTo(into);
  }

  stop(): void {
    // Whoever marks may go on: nobody looks
  }
}

/** Where guest memory lies among the numbered pages. All of it in whole pages of 4096 bytes. */
export interface LoggedRegion {
  readonly guestAddress: number;
  readonly length: number;
  /** Number of the page at `guestAddress`. */
  readonly firstPage: number;
}

/** The dirty log that vhost-user back ends share with their front end, by guest addresses. */
export class VhostUserLog implements DirtySource {
  readonly #log: DirtyLog;
  readonly #regions: readonly LoggedRegion[];
  #lostBefore = 0;

  /** `log` stays its owner's. Throws `ERR_DIRTY_LOG` where it is too short for the regions. */
  constructor(log: DirtyLog, regions: readonly LoggedRegion[]) {
    this.#log = log;
    this.#regions = regions;
    for (const { guestAddress, length } of regions)
      if ((guestAddress + length) / LOG_PAGE_SIZE > log.pages)
        throw new TransferError(
          'ERR_DIRTY_LOG',
          `The dirty log covers ${log.pages} pages, guest memory ends at 0x${(guestAddress + length).toString(16)}`,
        );
  }

  start(): void {
    this.#lostBefore = this.#log.lost;
    this.#log.collect(() => undefined);
  }

  /** Throws `ERR_DIRTY_LOG` where a page was written to that the log has no bit for. */
  collect(into: PageBitmap): number {
    const lost = this.#log.lost - this.#lostBefore;
    if (lost > 0)
      throw new TransferError('ERR_DIRTY_LOG', `${lost} writes lie beyond the end of the dirty log`);
    let added = 0;
    this.#log.collect((guestPage) => {
      const page = this.#pageAt(guestPage);
      if (page === undefined || into.has(page)) return;
      into.add(page);
      added++;
    });
    return added;
  }

  stop(): void {
    // Whoever logs may go on: nobody looks
  }

  /** Undefined for what is no memory of the guest. */
  #pageAt(guestPage: number): number | undefined {
    for (let i = 0; i < this.#regions.length; i++) {
      const { guestAddress, length, firstPage } = this.#regions[i]!;
      const page = guestPage - guestAddress / LOG_PAGE_SIZE;
      if (page >= 0 && page < length / LOG_PAGE_SIZE) return firstPage + page;
    }
    return undefined;
  }
}
