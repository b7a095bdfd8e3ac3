import { asError, DeadlineError, FerryError } from '../errors.ts';
import type { ByteSink, ByteSource } from '../state/index.ts';
import { type Fd, Poll, PollSet, readInto, WOULD_BLOCK, widenPipe, writeFrom } from '../sys/index.ts';
import { DeviceError } from './errors.ts';
import type { Poller } from './poller.ts';
import type { DeviceSettings } from './settings.ts';

export type Direction = 'save' | 'load';

/** Fewer and larger pieces: the other end is woken less often. */
const PIPE_ROOM = 1024 * 1024;

/** How often a transfer that never has to wait looks whether the operator wants something, in milliseconds. */
const CONTROL_EVERY = 50;

const ACCESS_MODE = { O_RDONLY: 0, O_WRONLY: 1 } as const;

/** Whether `channel` was opened the way that `direction` needs. */
export function fitsDirection(channel: Fd, direction: Direction): boolean {
  return channel.accessMode !== (direction === 'save' ? ACCESS_MODE.O_RDONLY : ACCESS_MODE.O_WRONLY);
}

/**
 * One transfer of device state. It runs on the device thread: while its channel is not ready, everything else that the
 * thread waits for is dispatched, so that the front end can ask, and the operator can abort.
 */
export class Transfer implements ByteSink, ByteSource, Disposable {
  readonly direction: Direction;
  readonly #channel: Fd;
  /** Watches the channel alone. */
  readonly #own = new PollSet(1);
  readonly #poller: Poller;
  readonly #settings: DeviceSettings;
  #status: 'pending' | 'running' | 'done' | 'failed' = 'pending';
  #failure: FerryError | undefined;
  #bytes = 0;
  #started = 0;
  #moved = 0;
  #listened = 0;
  #took = 0;

  /** Takes over `channel`. */
  constructor(direction: Direction, channel: Fd, poller: Poller, settings: DeviceSettings) {
    this.direction = direction;
    this.#channel = channel;
    this.#poller = poller;
    this.#settings = settings;
  }

  get status(): 'pending' | 'running' | 'done' | 'failed' {
    return this.#status;
  }

  /** Why the transfer failed. */
  get failure(): FerryError | undefined {
    return this.#failure;
  }

  /** Bytes that went through the channel. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How long it ran, once it has ended. */
  get milliseconds(): number {
    return this.#took;
  }

  /** Do the transfer: `work` writes or reads it all. Never throws: what goes wrong becomes the outcome. */
  run(work: () => void): void {
    this.#status = 'running';
    this.#started = performance.now();
    this.#moved = this.#started;
    this.#listened = this.#started;
    try {
      this.#channel.setNonBlocking(true);
      widenPipe(this.#channel, PIPE_ROOM);
      work();
    } catch (error) {
      this.fail(refusalOf(error));
    } finally {
      this.#took = performance.now() - this.#started;
      this[Symbol.dispose]();
    }
    if (this.#failure === undefined) this.#status = 'done';
  }

  /** Make the transfer fail, also after its end. Code that waits in `write` or `read` is left by an error. */
  fail(reason: FerryError): void {
    this.#failure ??= reason;
    this.#status = 'failed';
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const count = writeFrom(this.#channel, at === 0 ? bytes : bytes.subarray(at));
      if (count === WOULD_BLOCK) this.#wait(Poll.out);
      else at += this.#count(count);
    }
  }

  read(into: Uint8Array): number {
    for (;;) {
      const count = readInto(this.#channel, into);
      if (count === WOULD_BLOCK) this.#wait(Poll.in);
      else return this.#count(count);
    }
  }

  [Symbol.dispose](): void {
    this.#own[Symbol.dispose]();
    this.#channel[Symbol.dispose]();
  }

  #count(count: number): number {
    this.#bytes += count;
    this.#moved = performance.now();
    if (this.#moved - this.#listened >= CONTROL_EVERY) {
      this.#listened = this.#moved;
      this.#poller.waitOnly('control', 0);
      this.#throwIfOver(this.#moved);
    }
    return count;
  }

  /** Wait until the channel is ready for `events`, and dispatch the rest meanwhile. */
  #wait(events: number): void {
    using _watch = this.#poller.watch('front-end', this.#channel, events, () => undefined);
    this.#own.set(0, this.#channel.number, events);
    for (;;) {
      this.#poller.wait(Math.ceil(this.#throwIfOver(performance.now())));
      // A message that came after the channel had been closed must not be heard before the end of the channel is seen
      if (this.#own.wait(0) > 0) return;
      this.#poller.dispatch();
    }
  }

  /** Throws where the transfer has failed or a deadline has passed. Returns the milliseconds to the next deadline. */
  #throwIfOver(now: number): number {
    if (this.#failure !== undefined) throw this.#failure;
    const { stall, transfer } = this.#settings;
    const untilStall = this.#moved + stall - now;
    const untilEnd = this.#started + transfer - now;
    if (untilEnd <= 0) throw new DeadlineError(`The ${this.direction} of device state`, transfer);
    if (untilStall <= 0)
      throw new DeadlineError(
        `A byte of device state (${this.direction}, after ${this.#bytes} bytes)`,
        stall,
      );
    return Math.min(untilStall, untilEnd);
  }
}

/** Whatever a device throws while it saves or loads is about the state: the live one is as it was. */
function refusalOf(error: unknown): FerryError {
  if (error instanceof FerryError) return error;
  const { message } = asError(error);
  return new DeviceError('ERR_DEVICE_STATE', `The device refused the state: ${message}`, { cause: error });
}

/** The failure of a transfer that was given up for `reason`. */
export function cancelled(reason: string): DeviceError {
  return new DeviceError('ERR_TRANSFER_CANCELLED', `The transfer of device state was cancelled: ${reason}`);
}
