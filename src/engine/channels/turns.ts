import type { PayloadSource } from './kind.ts';

/**
 * Which kind a sending channel asks next: each has as many packets in a row as its weight says, as long as it has something,
 * and then it is the next one's turn.
 */
export class Turns {
  readonly #sources: readonly PayloadSource[];
  #at = 0;
  #left: number;
  /** Ordered sources that had nothing since `barrier` was called, one bit each. */
  #dry = 0;
  readonly #allDry: number;

  /** `sources`: those that send, at least one and at most 31. */
  constructor(sources: readonly PayloadSource[]) {
    this.#sources = sources;
    this.#left = sources[0]?.weight ?? 0;
    this.#allDry = sources.reduce((bits, source, i) => (source.ordered ? bits | (1 << i) : bits), 0);
  }

  /** A barrier was posted: from now on it is seen whether all that belongs before it was taken. */
  barrier(): void {
    this.#dry = 0;
  }

  /** Whether every ordered source had nothing more since `barrier` was called. */
  get isDry(): boolean {
    return this.#dry === this.#allDry;
  }

  /**
   * The number of the source that has a packet to write, which it has taken; -1 where none has. Ordered ones are not asked
   * where `held` says that a barrier holds them.
   */
  take(held: boolean): number {
    for (let asked = 0; asked <= this.#sources.length; asked++) {
      const at = this.#at;
      const source = this.#sources[at]!;
      if (this.#left > 0 && !(held && source.ordered)) {
        if (source.take()) {
          this.#left--;
          return at;
        }
        if (source.ordered) this.#dry |= 1 << at;
      }
      this.#at = at + 1 === this.#sources.length ? 0 : at + 1;
      this.#left = this.#sources[this.#at]!.weight;
    }
    return -1;
  }
}
