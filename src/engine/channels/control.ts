const CHANGED = 0;
const ABORTED = 1;
const FINISHING = 2;
const POSTED = 3;
const RELEASED = 4;
const WAKES = 5;
const FIRST = 6;
/** Words of one channel: the last barrier that it passed, whether it was told to end. */
const WORDS = 2;

/** Numbers of one channel: bytes, packets, waits, and then packets and bytes of each kind. */
const COUNTS = 3;

/** The memory of `ChannelControl`, as it travels to another thread. */
export interface SharedControl {
  readonly channels: number;
  readonly kinds: number;
  readonly words: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
}

/** What the channel threads and the main thread see of each other. */
export class ChannelControl {
  readonly shared: SharedControl;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #counts: Float64Array<SharedArrayBuffer>;

  constructor(shared: SharedControl) {
    this.shared = shared;
    this.#words = new Int32Array(shared.words);
    this.#counts = new Float64Array(shared.counts);
  }

  static create(channels: number, kinds: number): ChannelControl {
    return new ChannelControl({
      channels,
      kinds,
      words: new SharedArrayBuffer(4 * (FIRST + channels * WORDS)),
      counts: new SharedArrayBuffer(8 * channels * (COUNTS + 2 * kinds)),
    });
  }

  // What the main thread waits for

  /** Counts what threads have reported. */
  get changes(): number {
    return Atomics.load(this.#words, CHANGED);
  }

  /** Resolves when `changes` is not `seen` any more, or after `milliseconds`. */
  async change(seen: number, milliseconds: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#words, CHANGED, seen, milliseconds);
    if (async) await value;
  }

  /** Wake the main thread. */
  report(): void {
    Atomics.add(this.#words, CHANGED, 1);
    Atomics.notify(this.#words, CHANGED);
  }

  // The course of the whole

  abort(): void {
    Atomics.store(this.#words, ABORTED, 1);
    this.#wake();
  }

  /** Whether channel `id` is to end at once. */
  isAborted(id: number): boolean {
    return Atomics.load(this.#words, ABORTED) === 1 || Atomics.load(this.#words, wordOf(id) + 1) === 1;
  }

  /** Have one channel end, or (`false`) have it be there again. */
  abortOne(id: number, aborted: boolean): void {
    Atomics.store(this.#words, wordOf(id) + 1, aborted ? 1 : 0);
    this.#wake();
  }

  finish(): void {
    Atomics.store(this.#words, FINISHING, 1);
  }

  /** Whether nothing more will be posted: a sending channel ends once there is nothing to take. */
  get isFinishing(): boolean {
    return Atomics.load(this.#words, FINISHING) === 1;
  }

  // Barriers: they are numbered from 1 on

  /** Post the next barrier. Returns its number. */
  post(): number {
    return Atomics.add(this.#words, POSTED, 1) + 1;
  }

  get posted(): number {
    return Atomics.load(this.#words, POSTED);
  }

  /** Let channels go on behind barrier `barrier`. */
  release(barrier: number): void {
    Atomics.store(this.#words, RELEASED, barrier);
    this.#wake();
  }

  /** How many barriers channels may go past. */
  get released(): number {
    return Atomics.load(this.#words, RELEASED);
  }

  /** To be read before looking whether a held channel may go on, and handed to `waitForWake` where it may not. */
  get wakes(): number {
    return Atomics.load(this.#words, WAKES);
  }

  /** Sleep until held channels were woken since `wakes` was read. */
  waitForWake(wakes: number): void {
    Atomics.wait(this.#words, WAKES, wakes);
  }

  /** The last barrier that channel `id` wrote, or read. */
  barrierOf(id: number): number {
    return Atomics.load(this.#words, wordOf(id));
  }

  setBarrier(id: number, barrier: number): void {
    Atomics.store(this.#words, wordOf(id), barrier);
    this.report();
  }

  /** Whether every channel is at `barrier` or behind it. */
  allPassed(barrier: number): boolean {
    for (let id = 0; id < this.shared.channels; id++) if (this.barrierOf(id) < barrier) return false;
    return true;
  }

  #wake(): void {
    Atomics.add(this.#words, WAKES, 1);
    Atomics.notify(this.#words, WAKES);
  }

  // Counters: each is written by one thread alone

  /** Count one packet of kind number `kind` and `bytes` bytes. */
  count(id: number, kind: number, bytes: number): void {
    const at = id * (COUNTS + 2 * this.shared.kinds);
    this.#counts[at] = this.#counts[at]! + bytes;
    this.#counts[at + 1] = this.#counts[at + 1]! + 1;
    const kindAt = at + COUNTS + 2 * kind;
    this.#counts[kindAt] = this.#counts[kindAt]! + 1;
    this.#counts[kindAt + 1] = this.#counts[kindAt + 1]! + bytes;
  }

  /** Count that channel `id` had nothing to do. */
  countWait(id: number): void {
    const at = id * (COUNTS + 2 * this.shared.kinds) + 2;
    this.#counts[at] = this.#counts[at]! + 1;
  }

  /** What channel `id` has counted; `names` are those of the kinds. */
  counters(id: number, names: readonly string[]): ChannelCounters {
    const at = id * (COUNTS + 2 * this.shared.kinds);
    const number = (index: number) => this.#counts[index] ?? 0;
    const byKind = Object.fromEntries(
      names.map((name, kind) => {
        const kindAt = at + COUNTS + 2 * kind;
        return [name, { packets: number(kindAt), bytes: number(kindAt + 1) }];
      }),
    );
    return { bytes: number(at), packets: number(at + 1), waits: number(at + 2), byKind };
  }
}

/** What a channel has moved since it was started, also over connections that broke. */
export interface ChannelCounters {
  readonly bytes: number;
  readonly packets: number;
  /** How often it slept because there was nothing to send, or because a barrier held it. */
  readonly waits: number;
  /** By the names of the kinds. */
  readonly byKind: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;
}

function wordOf(id: number): number {
  return FIRST + id * WORDS;
}
