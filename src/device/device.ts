import type { Assignment, Model } from '../compat/index.ts';
import type { RecordReader, RecordWriter, Section } from '../state/index.ts';
import type { Fd } from '../sys/index.ts';
import type { ChainReader, ChainWriter } from '../virtio/index.ts';

/** `handle` has answered the request. */
export const DONE = 'done';

/** `handle` has deferred the request; it is answered by `DeferredRequest.complete`. */
export const LATER = 'later';

export type Handled = typeof DONE | typeof LATER;

/**
 * A request from the guest's driver: one descriptor chain. The object is filled again for the next request as soon as
 * `handle` returns; keep what `defer` returns instead.
 */
export interface Request {
  /** Index of the virtqueue that it came by. */
  readonly queue: number;
  /** What the driver sent. */
  readonly readable: ChainReader;
  /** Where the answer goes; the driver is told `writable.written` bytes. */
  readonly writable: ChainWriter;
  /**
   * Keep the request to answer it after `handle` has returned `LATER`; what was written to `writable` so far does not
   * count. Allocates: not for every request.
   */
  defer(): DeferredRequest;
}

/** A request that is answered later, from within another `handle` or a watch callback. */
export interface DeferredRequest {
  readonly queue: number;
  /** What the driver sent, from its first byte on. */
  readonly readable: ChainReader;
  readonly writable: ChainWriter;
  /** Give the answer, once. Does nothing when the request was abandoned. */
  complete(): void;
  /**
   * Whether there is nobody to answer any more: the device was suspended, and the SDK has parked the request and will
   * hand it to `handle` again; or the guest's driver has gone, or took its memory away. Look before taking an effect
   * that belongs to the answer.
   */
  readonly abandoned: boolean;
}

/** What the SDK gives to a device. */
export interface DeviceContext {
  /** One line for the operator. */
  log(message: string): void;
  /** Call `callback` with the `Poll` bits found whenever `fd` is ready for `events`, until the result is disposed of. */
  watch(fd: Fd, events: number, callback: (ready: number) => void): Disposable;
  /** The configuration space has changed: the driver is told, once, when it runs next. */
  configChanged(): void;
  /** Milliseconds on a clock that only goes forward, as it stood a few requests ago at most. */
  now(): number;
}

/** Incoming state that has been built beside the live one. Disposing of it without `commit` gives it up. */
export interface Staged extends Disposable {
  /** Become the live state, in place of the one there is. Must not fail. */
  commit(): void;
}

/** The configuration space of a device, where it has one. */
export interface ConfigSpace {
  /** Bytes `offset` to `offset + length`; fewer where the space ends before. */
  read(offset: number, length: number): Uint8Array;
  /** The driver's writes; without this method the space is read-only. */
  write?(offset: number, bytes: Uint8Array): void;
}

/**
 * What the author of a device implements. All calls come on one thread, one at a time, and must not wait: a device
 * never sees a socket, a descriptor of the protocol or a thread. Where it is disposable, it is disposed of at the end.
 */
export interface Device extends Partial<Disposable> {
  readonly identity: {
    /** Short and lower-case, such as `fs`: at most 40 characters from `a-z 0-9 . -`. */
    readonly name: string;
    /** Device id of the virtio specification, such as 26 for a file system. */
    readonly virtioId: number;
    /** Version of the state as a whole; state of a later version is refused. Counts up from 1. */
    readonly stateVersion: number;
  };
  /** Feature bits of this device type; those of the transport are the SDK's. */
  readonly features: bigint;
  readonly queues: { readonly count: number; readonly maxSize: number };
  readonly config?: ConfigSpace;
  /**
   * Milliseconds that stopping a ring, or taking guest memory away, may wait for deferred requests to be answered. For
   * work that is under way elsewhere and ends by itself. 0, the default, waits for none.
   */
  readonly settleMilliseconds?: number;
  /**
   * Whether the front end may keep note of unfinished requests (INFLIGHT_SHMFD), so that they are handed to the next
   * process should this one die: for a device whose requests may be done twice. Without it they are lost with the process.
   */
  readonly offersInflight?: boolean;
  /** Every section that `load` understands, at its latest version. */
  readonly sections: readonly Section[];
  /**
   * Migration compatibility: the device model with the parameters that are the device's own, each with the values that
   * this instance takes, as it was made. The SDK adds those that it answers for (`packed-ring`, `state-format`), which
   * alone can be set while a device runs. Goes with `parameters`.
   */
  readonly migrationInfo?: Model;
  /**
   * The parameters in effect: every one of `migrationInfo`. One that the guest negotiates is what the device offers as
   * long as there was no guest, and then what the guest agreed to.
   */
  parameters?(): Assignment;
  /** Called once, before anything else. */
  attach?(context: DeviceContext): void;
  /** The guest's driver accepted these of `features`. Comes again when a front end connects anew. */
  negotiated?(features: bigint): void;
  /**
   * Work on a request to its end and return `DONE`, or `defer` it and return `LATER`. An error thrown from here ends
   * the process: answer bad requests as the device type has it.
   */
  handle(request: Request): Handled;
  /**
   * The deferred requests of `queue` are about to be parked or abandoned, because its ring stops: on return nothing that
   * is done for them has an effect any more. Those that are completed in here count as answered.
   */
  halt?(queue: number): void;
  /**
   * All rings have stopped: stop spontaneous activity too, and forget deferred requests, which the SDK has parked.
   * `save` may follow, or `resume`, or nothing at all.
   */
  suspend?(): void;
  /** Rings start again: with the state there was, or with a loaded one. Parked requests are handed to `handle` next. */
  resume?(): void;
  /**
   * A new driver initialises the device: drop what belonged to the last boot of the guest, keep what is the process's.
   * Nothing of the new driver has been handled yet.
   */
  reset?(): void;
  /**
   * The operator says that what the device stands for may have another size now, such as the image behind a disk: look, and
   * say `configChanged` where the driver has to know. Returns the size in bytes.
   */
  resize?(): number;
  /** Write the state of the suspended device. May be called again, and must not change the state. */
  save(records: RecordWriter): void;
  /** Build the incoming state beside the live one, reading records to the end. Throws where it makes no sense. */
  load(records: RecordReader): Staged;
}
