import { Worker } from 'node:worker_threads';
import type { DeviceContext } from '../../../device/index.ts';
import {
  createEventfd,
  drainEventfd,
  errnoName,
  type Fd,
  type Mapping,
  mapAnonymous,
  Poll,
} from '../../../sys/index.ts';
import type { Image } from '../backing/backing.ts';
import { Status } from '../constants.ts';
import { BlkError } from '../errors.ts';
import { JOB_BYTES, JOBS_PER_LANE, MAX_FAILURES_TOLD, START_WITHIN } from '../limits.ts';
import { JobTable } from './job-table.ts';
import type { LaneStart } from './lane-thread.ts';
import type { Work } from './work.ts';

/** How often it is told that the storage holds up a stop, in milliseconds. */
const TELL_EVERY = 5_000;

/** How long lanes may take to end, in milliseconds. */
const END_WITHIN = 3_000;

/**
 * The worker threads that make calls on an image which may wait for the storage. Data passes through buffers of the jobs, so
 * that no lane ever touches guest memory: what a call does that does not return, it does to a buffer that is not used again.
 */
export class Lanes implements Disposable {
  readonly #image: Image;
  readonly #most: number;
  readonly #log: (message: string) => void;
  readonly #table: JobTable;
  readonly #bell: Fd;
  readonly #buffers: Mapping;
  readonly #working: (Work | undefined)[] = [];
  readonly #free: number[];
  #waiting: Work[] = [];
  #started = 0;
  #failures = 0;
  #watch: Disposable | undefined;

  /**
   * At most `most` lanes for `image`, which must stay open; `log` hears of failed calls. Throws `ERR_BLK_LANES` where not
   * even one can be had.
   */
  constructor(image: Image, most: number, log: (message: string) => void) {
    this.#image = image;
    this.#most = most;
    this.#log = log;
    const jobs = most * JOBS_PER_LANE;
    this.#table = JobTable.create(jobs);
    this.#free = Array.from({ length: jobs }, (_, i) => jobs - 1 - i);
    this.#bell = createEventfd('finished calls');
    // One more, that stays zero
    this.#buffers = mapAnonymous((jobs + 1) * JOB_BYTES, 'buffers of blk');
    this.#start();
    if (this.#table.waitForLane(START_WITHIN)) return;
    this[Symbol.dispose]();
    throw new BlkError(
      'ERR_BLK_LANES',
      `No thread for calls that may wait came up within ${START_WITHIN} ms`,
    );
  }

  /** Hear of finished calls through `context`. */
  attach(context: DeviceContext): void {
    this.#watch = context.watch(this.#bell, Poll.in, () => {
      drainEventfd(this.#bell.number);
      this.#collect();
    });
  }

  /** Do what a request asks for, and answer it. */
  submit(work: Work): void {
    this.#waiting.push(work);
    this.#feed();
  }

  /**
   * Nothing that was submitted for `queue` has an effect any more when this returns: what has not begun is dropped, reads that
   * have begun are forgotten. A call that changes the image cannot be called off, and must not take effect after the guest
   * went on elsewhere: it is waited for, however long the storage takes.
   */
  halt(queue: number): void {
    this.#waiting = this.#waiting.filter((work) => work.deferred.queue !== queue);
    for (let job = 0; job < this.#working.length; job++) {
      const work = this.#working[job];
      if (work?.deferred.queue !== queue) continue;
      if (!this.#table.cancel(job) && work.changes) this.#waitFor(job, work);
      if (this.#table.isDone(job)) this.#settle(job);
      this.#working[job] = undefined;
    }
    this.#waiting = this.#waiting.filter((work) => work.deferred.queue !== queue);
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#table.stop();
    if (!this.#table.waitForEnd(END_WITHIN)) {
      // A call still runs: its buffer and the bell it will ring stay as they are until the process ends
      this.#log(`The storage holds a call up at the end`);
      this.#bell.release();
      return;
    }
    this.#bell[Symbol.dispose]();
    this.#buffers[Symbol.dispose]();
  }

  #start(): void {
    this.#started++;
    this.#table.addLane();
    const { file, isBlockDevice } = this.#image;
    const jobs = this.#table.shared.jobs;
    const start: LaneStart = {
      table: this.#table.shared,
      image: {
        file: file.number,
        isBlockDevice,
        zeroes: this.#buffers.address + jobs * JOB_BYTES,
      },
      buffers: this.#buffers.address,
      bell: this.#bell.number,
    };
    new Worker(laneModule(), { workerData: start }).unref();
  }

  /** Hand out work as long as there are free jobs; a further lane is started when all have something to do. */
  #feed(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const work = this.#waiting.shift()!;
      if (work.deferred.abandoned) continue;
      const job = this.#free.pop()!;
      this.#working[job] = work;
      work.fill(this.#buffers.bytes, job * JOB_BYTES);
      this.#table.post(job, work.operation, work.offset, work.length, work.stable);
      const busy = this.#table.shared.jobs - this.#free.length;
      if (busy > this.#started && this.#started < this.#most) this.#start();
    }
  }

  #collect(): void {
    for (let job = 0; job < this.#table.shared.jobs; job++) if (this.#table.isDone(job)) this.#settle(job);
    this.#feed();
  }

  /** A call has returned: answer its request, or have the next call for it made before any other. */
  #settle(job: number): void {
    const work = this.#working[job];
    const result = this.#table.result(job);
    this.#working[job] = undefined;
    const abandoned = work === undefined || work.deferred.abandoned;
    const errno = abandoned ? 0 : work.settle(result, this.#buffers.bytes, job * JOB_BYTES);
    this.#table.free(job);
    this.#free.push(job);
    if (abandoned) return;
    if (errno !== 0) this.#tellFailure(work, errno);
    if (errno !== 0 || work.isDone) work.finish(errno === 0 ? Status.ok : Status.ioError);
    else this.#waiting.unshift(work);
  }

  #waitFor(job: number, work: Work): void {
    while (!this.#table.waitFor(job, TELL_EVERY))
      this.#log(
        `Queue ${work.deferred.queue} cannot stop yet: the storage has not finished a write at byte ${work.offset}`,
      );
  }

  #tellFailure({ operation, offset }: Work, errno: number): void {
    if (++this.#failures > MAX_FAILURES_TOLD) return;
    const further = this.#failures === MAX_FAILURES_TOLD ? '; whatever else fails is not told any more' : '';
    this.#log(`Operation ${operation} at byte ${offset} failed with ${errnoName(errno)}${further}`);
  }
}

/** The lanes' entry, in the sources or compiled. */
function laneModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? './lane-thread.ts' : './lane-thread.js';
  return new URL(name, import.meta.url);
}
