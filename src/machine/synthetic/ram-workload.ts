import { FerryError } from '../../errors.ts';
import { PAGE_SIZE } from '../../sys/index.ts';
import type { Control } from './control.ts';
import { MarkedMemory, type MarkedPlace } from './marked-memory.ts';
import { Pace } from './pace.ts';
import { readPage, scatter, weightOf, writePage } from './page.ts';

/** One page in so many is hot, and of so many writes all but one go to hot pages. */
const COLDNESS = 16;

/** Pages that are written between two looks at the control: some 50 microseconds. */
const BATCH = 32;

/** Longest sleep while nothing is due, in milliseconds. */
const NAP = 1;

/** Where the words of the knowledge lie in page 0. */
const Knowledge = { mark: 0, sequence: 1, sum: 2, random: 3 } as const;

const KNOWLEDGE_MARK = 0x574f4e4b;

/** What was found when all pages were looked at. */
export interface MemoryFindings {
  readonly pages: number;
  /** Pages that are not what they say, are zeroes where they must not be, or say that they are another. */
  readonly wrong: number;
  /** The first of them. */
  readonly firstWrong?: number;
  /** Whether the pages add up to what the guest knows: that none is whole but old. */
  readonly addsUp: boolean;
  /** Pages that the guest has written in its life. */
  readonly written: number;
}

/**
 * What a guest does with its memory: it writes pages that say of themselves what they are, most of them hot. What it knows of
 * all pages lies in page 0 and so moves with them.
 */
export class RamWorkload {
  readonly #memory: MarkedMemory;
  readonly #control: Control;
  readonly #pagesPerSecond: number;
  #sequence = 0;
  #sum = 0;
  #random = 1;

  /** Works in `place`, at `rate` bytes of written pages per second, for as long as `control` lets it. */
  constructor(place: MarkedPlace, rate: number, control: Control) {
    this.#memory = new MarkedMemory(place);
    this.#pagesPerSecond = rate / PAGE_SIZE;
    this.#control = control;
  }

  /** Write every page once. */
  fill(): void {
    for (let page = 1; page < this.#memory.pages; page++) this.#write(page);
    this.#remember();
  }

  /** Find what the guest knows. Throws `ERR_MACHINE_MEMORY` where there is nothing. */
  wake(): void {
    if (this.#recall()) return;
    throw new FerryError('ERR_MACHINE_MEMORY', 'Page 0 holds nothing that a guest could go on from');
  }

  /** Go on from what the guest knows, until the control says pause. When this returns nothing is written any more. */
  work(): void {
    this.#recall();
    const pace = new Pace(this.#pagesPerSecond);
    while (!this.#control.isPaused) {
      const due = pace.take(BATCH);
      for (let i = 0; i < due; i++) this.#write(this.#choose());
      this.#control.addSteps(due);
      if (due === 0) this.#control.sleep(NAP);
    }
    this.#remember();
  }

  /** Look at every page. */
  look(): MemoryFindings {
    this.#recall();
    const { pages } = this.#memory;
    let wrong = 0;
    let firstWrong: number | undefined;
    let sum = 0;
    for (let page = 1; page < pages; page++) {
      const version = readPage(this.#memory.wordsOf(page), this.#memory.wordOf(page), page);
      if (version >= 0) sum = (sum + weightOf(page, version)) >>> 0;
      else {
        wrong++;
        firstWrong ??= page;
      }
    }
    return {
      pages,
      wrong,
      ...(firstWrong !== undefined && { firstWrong }),
      addsUp: sum === this.#sum,
      written: this.#sequence,
    };
  }

  #choose(): number {
    this.#random = scatter(this.#random + 0x9e3779b9);
    const { pages } = this.#memory;
    const range = this.#random % COLDNESS === 0 ? pages : Math.ceil(pages / COLDNESS);
    // Page 0 is what the guest knows; without others there is nothing to write to
    return 1 + (scatter(this.#random) % Math.max(1, Math.min(range, pages - 1)));
  }

  #write(page: number): void {
    const words = this.#memory.wordsOf(page);
    const at = this.#memory.wordOf(page);
    // What it was is told by its second word: a page of zeroes adds nothing to the sum
    this.#sum -= weightOf(page, words[at + 1]!);
    this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1;
    writePage(words, at, page, this.#sequence);
    this.#memory.mark(page);
    this.#sum = (this.#sum + weightOf(page, words[at + 1]!)) >>> 0;
  }

  #recall(): boolean {
    const words = this.#memory.wordsOf(0);
    if (words[Knowledge.mark] !== KNOWLEDGE_MARK) return false;
    this.#sequence = words[Knowledge.sequence]!;
    this.#sum = words[Knowledge.sum]!;
    this.#random = words[Knowledge.random]!;
    return true;
  }

  #remember(): void {
    const words = this.#memory.wordsOf(0);
    words[Knowledge.mark] = KNOWLEDGE_MARK;
    words[Knowledge.sequence] = this.#sequence;
    words[Knowledge.sum] = this.#sum;
    words[Knowledge.random] = this.#random;
    this.#memory.mark(0);
  }
}
