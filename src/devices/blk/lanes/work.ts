import type { DeferredRequest } from '../../../device/index.ts';
import { Errno } from '../../../sys/index.ts';
import { HEADER_SIZE, Status } from '../constants.ts';
import { JOB_BYTES } from '../limits.ts';
import { Operation } from './job-table.ts';

/** Bytes of the disk. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** What is to be done: `operation` on all of `ranges`, of which the first `done` bytes have been moved already. */
export interface Task {
  readonly operation: number;
  readonly ranges: readonly Range[];
  readonly done: number;
  readonly stable: boolean;
}

/**
 * A request that lanes work on: one call after the other until all of it is done. Only the device's thread touches it and the
 * guest memory behind it.
 */
export class Work {
  readonly deferred: DeferredRequest;
  readonly operation: number;
  /** Whether it has to be on the storage itself before it is answered. */
  readonly stable: boolean;
  readonly #ranges: readonly Range[];
  #range = 0;
  /** Bytes of the present range that are done. */
  #done: number;

  constructor(deferred: DeferredRequest, { operation, ranges, done, stable }: Task) {
    this.deferred = deferred;
    this.operation = operation;
    this.stable = stable;
    this.#ranges = ranges;
    this.#done = done;
  }

  /** Whether it changes the image, so that it must not go on unnoticed. */
  get changes(): boolean {
    return this.operation !== Operation.read && this.operation !== Operation.flush;
  }

  /** Where the next call begins. */
  get offset(): number {
    return this.#ranges[this.#range]!.offset + this.#done;
  }

  /** Bytes for the next call. */
  get length(): number {
    const rest = this.#ranges[this.#range]!.length - this.#done;
    return this.#moves ? Math.min(rest, JOB_BYTES) : rest;
  }

  /** Before a call: what is to be written goes from the guest to `buffer`, from `at` on. */
  fill(buffer: Uint8Array, at: number): void {
    if (this.operation !== Operation.write) return;
    const { readable } = this.deferred;
    readable.seek(HEADER_SIZE + this.#done);
    readable.read(buffer, at, this.length);
  }

  /** After a call that returned `result`: what was read goes from `buffer` to the guest. Returns an errno, or 0. */
  settle(result: number, buffer: Uint8Array, at: number): number {
    if (result < 0) return -result;
    if (!this.#moves) {
      this.#range++;
      return 0;
    }
    // The image has become shorter than it was when its size was looked at
    if (result === 0) return Errno.EIO;
    if (this.operation === Operation.read) {
      const { writable } = this.deferred;
      writable.seek(this.#done);
      writable.write(buffer, at, result);
    }
    this.#done += result;
    if (this.#done === this.#ranges[this.#range]!.length) this.#range++;
    return 0;
  }

  get isDone(): boolean {
    return this.#range === this.#ranges.length;
  }

  /** Answer the request. A failed read is not told to have put anything there. */
  finish(status: number): void {
    const { writable } = this.deferred;
    if (status !== Status.ok) writable.rewind();
    writable.putLast(status);
    this.deferred.complete();
  }

  get #moves(): boolean {
    return this.operation === Operation.read || this.operation === Operation.write;
  }
}
