import { FerryError } from '../errors.ts';
import type { Ring, Session } from '../vhost-user/index.ts';
import {
  type ChainReader,
  type ChainWriter,
  DescriptorChain,
  type ParkedRequest,
  VirtqueueError,
} from '../virtio/index.ts';
import { Deferred } from './deferred.ts';
import { type DeferredRequest, type Device, DONE, LATER, type Request } from './device.ts';
import { CALL_EVERY, MAX_HELD, MAX_HELD_LENGTH, MAX_UNCALLED_LENGTH, QUIET } from './limits.ts';
import type { RingStop } from './ring-stop.ts';

interface Running {
  readonly session: Session;
  readonly ring: Ring;
}

/**
 * Takes the requests of one queue to the device and their answers back. It is the `Request` that the device sees,
 * filled again for each one.
 */
export class RingWorker implements Request {
  readonly queue: number;
  readonly readable: ChainReader;
  readonly writable: ChainWriter;
  readonly #device: Device;
  readonly #chain = new DescriptorChain();
  readonly #deferred = new Set<Deferred>();
  readonly #onBroken: (message: string) => void;
  #running: Running | undefined;
  #replay: ParkedRequest[] = [];
  #deferral: Deferred | undefined;
  #kicksWanted = true;
  /** Answers given in this turn. */
  #given = 0;
  /** Answers given until this turn since the driver last wanted to be called. */
  #quiet = 0;

  constructor(queue: number, device: Device, onBroken: (message: string) => void) {
    this.queue = queue;
    this.#device = device;
    this.#onBroken = onBroken;
    this.readable = this.#chain.readable;
    this.writable = this.#chain.writable;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Whether the ring has to be looked at without waiting for kicks. */
  get isPolled(): boolean {
    return this.#running?.ring.polled === true;
  }

  /** Requests that the device has deferred. */
  get waiting(): number {
    return this.#deferred.size;
  }

  /** Start, or go on with other settings. `parked` requests go to the device first. */
  start(session: Session, ring: Ring, parked: readonly ParkedRequest[]): void {
    if (this.#running === undefined) this.#replay = [...parked];
    this.#running = { session, ring };
    this.#kicksWanted = true;
  }

  /** Stop, with what the device has deferred parked. Returns undefined where the ring does not run. */
  stop(): RingStop | undefined {
    const queue = this.#running?.ring.queue;
    if (queue === undefined) return undefined;
    this.#running = undefined;
    const parked = [...this.#deferred].map(({ chain }) => queue.park(chain));
    for (const deferred of this.#deferred) deferred.abandon();
    this.#deferred.clear();
    parked.push(...this.#replay);
    this.#replay = [];
    return { queue: this.queue, kind: queue.kind, base: queue.base, parked };
  }

  /** The guest's memory is another: deferred requests that lay in what is gone are given back unanswered. */
  dropLost(): void {
    for (const deferred of this.#deferred) {
      if (!deferred.isLost()) continue;
      deferred.abandon();
      deferred.writable.rewind();
      this.#answer(deferred);
    }
  }

  /** Handle at most `limit` requests. Returns how many there were. */
  serve(limit: number): number {
    const running = this.#running;
    if (running === undefined || !running.ring.enabled) return 0;
    let handled = 0;
    try {
      if (this.#replay.length > 0) handled = this.#serveParked(running, limit);
      const { queue } = running.ring;
      if (queue === undefined) return handled;
      while (handled < limit && queue.pop(this.#chain)) {
        handled++;
        this.#handle(running);
      }
      this.#endTurn(running);
      if (handled > 0 && this.#kicksWanted) {
        queue.disableKicks();
        this.#kicksWanted = false;
      }
    } catch (error) {
      this.#broken(running, error);
    }
    return handled;
  }

  /** Ask the driver to kick from now on. Returns whether a request is there already. */
  wantKicks(): boolean {
    const ring = this.#running?.ring;
    if (ring?.queue === undefined || !ring.enabled) return false;
    this.#kicksWanted = true;
    return ring.queue.enableKicks();
  }

  defer(): DeferredRequest {
    if (this.#deferral !== undefined)
      throw new FerryError('ERR_DEVICE', 'A request was deferred twice by its device');
    const deferred = new Deferred(this.queue, this.#chain.clone(), (answered) => this.#answer(answered));
    this.#deferral = deferred;
    this.#deferred.add(deferred);
    return deferred;
  }

  #serveParked(running: Running, limit: number): number {
    let handled = 0;
    while (handled < limit && this.#replay.length > 0) {
      running.ring.queue?.recover(this.#chain, this.#replay[0]!);
      this.#replay.shift();
      handled++;
      this.#handle(running);
    }
    return handled;
  }

  #handle(running: Running): void {
    const outcome = this.#device.handle(this);
    const deferral = this.#deferral;
    if (outcome === DONE && deferral === undefined) this.#give(running);
    else if (outcome === LATER && deferral !== undefined) this.#deferral = undefined;
    else
      throw new FerryError(
        'ERR_DEVICE',
        `The device answered ${String(outcome)} to a request that it ${deferral ? 'deferred' : 'did not defer'}`,
      );
  }

  #answer(deferred: Deferred): void {
    this.#deferred.delete(deferred);
    const running = this.#running;
    if (running === undefined) return;
    running.ring.queue?.complete(deferred.chain);
    this.#show(running);
  }

  /**
   * Give the answer to the request that was handled. A driver that sleeps is shown each at once, and called after the
   * first and every few more: waking it costs more than a request. One that has not wanted to be called for long looks at
   * the ring all the time; each look after a change costs both sides, so it is shown several at one time.
   */
  #give(running: Running): void {
    const { queue } = running.ring;
    if (queue === undefined) return;
    const length = this.readable.length + this.writable.written;
    const looks = this.#quiet >= QUIET && length <= MAX_HELD_LENGTH;
    if (looks) queue.hold(this.#chain);
    else queue.complete(this.#chain);
    const given = ++this.#given;
    if (looks ? given % MAX_HELD === 0 : given % CALL_EVERY === 1 || length > MAX_UNCALLED_LENGTH)
      this.#show(running);
  }

  #endTurn(running: Running): void {
    if (this.#given === 0) return;
    this.#quiet += this.#given;
    this.#given = 0;
    this.#show(running);
  }

  /** Show the driver what was held, and call it if it wants that. */
  #show({ session, ring }: Running): void {
    const { queue } = ring;
    if (queue === undefined) return;
    queue.flush();
    if (!queue.needsNotify()) return;
    this.#quiet = 0;
    session.notify(ring);
  }

  /** The driver broke the rules: its ring yields nothing until it starts anew. Anything else is the device's fault. */
  #broken(running: Running, error: unknown): void {
    if (!(error instanceof VirtqueueError)) throw error;
    const { session, ring } = running;
    this.#endTurn(running);
    this.#deferral = undefined;
    this.#replay = [];
    this.#onBroken(`Queue ${this.queue} is broken: ${error.message}`);
    session.reportBroken(ring);
  }
}
