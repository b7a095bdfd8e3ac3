import { JOBS_PER_LANE, MAX_LANES } from '../limits.ts';

/** What a lane does with the image. */
export const Operation = { read: 1, write: 2, flush: 3, discard: 4, zero: 5, zeroUnmap: 6 } as const;

/**
 * `free → posted → running → done → free`, and `posted → cancelled → done`. The device's thread posts, cancels and frees;
 * lanes do the rest.
 */
export const JobState = { free: 0, posted: 1, running: 2, done: 3, cancelled: 4 } as const;

/** The memory of a table, as it travels to another thread. */
export interface SharedTable {
  readonly jobs: number;
  readonly control: SharedArrayBuffer;
  readonly ranges: SharedArrayBuffer;
}

const STOPPED = 0;
const POSTED = 1;
const TAKEN = 2;
const LANES = 3;
const ARRIVED = 4;
const RING = 5;

/** Entries of the ring: a power of two, so that counters may wrap around, and no fewer than there are jobs. */
const RING_SIZE = 2 ** Math.ceil(Math.log2(MAX_LANES * JOBS_PER_LANE));

/** Words of one job: state, operation, whether it has to be stable, result. */
const JOB_WORDS = 4;

/**
 * Jobs that the device's thread hands to its lanes: slots, and a ring of those that are posted. The same memory is seen from
 * all threads.
 */
export class JobTable {
  readonly shared: SharedTable;
  readonly #control: Int32Array;
  readonly #ranges: Float64Array;

  constructor(shared: SharedTable) {
    this.shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#ranges = new Float64Array(shared.ranges);
  }

  /** An empty table of `jobs` slots. */
  static create(jobs: number): JobTable {
    return new JobTable({
      jobs,
      control: new SharedArrayBuffer(4 * (RING + RING_SIZE + jobs * JOB_WORDS)),
      ranges: new SharedArrayBuffer(16 * jobs),
    });
  }

  // What the device's thread does

  /** Hand the free slot `job` to whichever lane comes first. */
  post(job: number, operation: number, offset: number, length: number, stable: boolean): void {
    const words = this.#wordsOf(job);
    this.#control[words + 1] = operation;
    this.#control[words + 2] = stable ? 1 : 0;
    this.#ranges[job * 2] = offset;
    this.#ranges[job * 2 + 1] = length;
    Atomics.store(this.#control, words, JobState.posted);
    const posted = Atomics.load(this.#control, POSTED);
    this.#control[RING + (posted & (RING_SIZE - 1))] = job;
    Atomics.store(this.#control, POSTED, (posted + 1) | 0);
    Atomics.notify(this.#control, POSTED, 1);
  }

  /** Whether a posted job could be called off; else a lane has begun it. */
  cancel(job: number): boolean {
    const { posted, cancelled } = JobState;
    return Atomics.compareExchange(this.#control, this.#wordsOf(job), posted, cancelled) === posted;
  }

  isDone(job: number): boolean {
    return Atomics.load(this.#control, this.#wordsOf(job)) === JobState.done;
  }

  /** Wait until a lane has finished a job that it has begun. Returns whether it has, after at most `milliseconds`. */
  waitFor(job: number, milliseconds: number): boolean {
    Atomics.wait(this.#control, this.#wordsOf(job), JobState.running, milliseconds);
    return this.isDone(job);
  }

  /** What the kernel answered to a job that is done: a count, or a negative errno. */
  result(job: number): number {
    return this.#control[this.#wordsOf(job) + 3]!;
  }

  free(job: number): void {
    Atomics.store(this.#control, this.#wordsOf(job), JobState.free);
  }

  /** Have every lane end when it has nothing to do. */
  stop(): void {
    Atomics.store(this.#control, STOPPED, 1);
    Atomics.add(this.#control, POSTED, 1);
    Atomics.notify(this.#control, POSTED);
  }

  /** A lane is about to be started. */
  addLane(): void {
    Atomics.add(this.#control, LANES, 1);
  }

  /** Wait until a lane is there to take jobs. Returns whether one is, after at most `milliseconds`. */
  waitForLane(milliseconds: number): boolean {
    Atomics.wait(this.#control, ARRIVED, 0, milliseconds);
    return Atomics.load(this.#control, ARRIVED) > 0;
  }

  /** Wait until all lanes have ended. Returns whether they have, after at most `milliseconds`. */
  waitForEnd(milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    for (;;) {
      const lanes = Atomics.load(this.#control, LANES);
      const left = end - performance.now();
      if (lanes === 0 || left <= 0) return lanes === 0;
      Atomics.wait(this.#control, LANES, lanes, left);
    }
  }

  // What a lane does

  /** The lane is there. */
  arrive(): void {
    Atomics.add(this.#control, ARRIVED, 1);
    Atomics.notify(this.#control, ARRIVED);
  }

  /** The next job for this lane, to be begun and finished; waits for one. -1: the lane is to end. */
  take(): number {
    const control = this.#control;
    for (;;) {
      if (Atomics.load(control, STOPPED) === 1) return -1;
      const taken = Atomics.load(control, TAKEN);
      if (taken === Atomics.load(control, POSTED)) {
        Atomics.wait(control, POSTED, taken);
        continue;
      }
      const job = control[RING + (taken & (RING_SIZE - 1))]!;
      if (Atomics.compareExchange(control, TAKEN, taken, (taken + 1) | 0) === taken) return job;
    }
  }

  /** Returns whether a job that was taken is to be done: it may have been called off. */
  begin(job: number): boolean {
    const { posted, running } = JobState;
    return Atomics.compareExchange(this.#control, this.#wordsOf(job), posted, running) === posted;
  }

  operation(job: number): number {
    return this.#control[this.#wordsOf(job) + 1]!;
  }

  mustBeStable(job: number): boolean {
    return this.#control[this.#wordsOf(job) + 2] === 1;
  }

  offset(job: number): number {
    return this.#ranges[job * 2]!;
  }

  length(job: number): number {
    return this.#ranges[job * 2 + 1]!;
  }

  finish(job: number, result: number): void {
    const words = this.#wordsOf(job);
    this.#control[words + 3] = result;
    Atomics.store(this.#control, words, JobState.done);
    Atomics.notify(this.#control, words);
  }

  /** A lane ends: it makes no call any more. */
  removeLane(): void {
    Atomics.sub(this.#control, LANES, 1);
    Atomics.notify(this.#control, LANES);
  }

  #wordsOf(job: number): number {
    return RING + RING_SIZE + job * JOB_WORDS;
  }
}
