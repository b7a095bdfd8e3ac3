import { drainEventfd, Poll } from '../sys/index.ts';
import type { Ring, Session } from '../vhost-user/index.ts';
import type { Device } from './device.ts';
import { MAX_TURN } from './limits.ts';
import type { Poller } from './poller.ts';
import type { RingStop } from './ring-stop.ts';
import { RingWorker } from './ring-worker.ts';

/** All rings of a device: which run, and what wakes the thread for them. */
export class Rings {
  readonly #workers: readonly RingWorker[];
  readonly #kicks = new Map<number, Disposable>();
  readonly #poller: Poller;
  readonly #settleMilliseconds: number;

  constructor(device: Device, poller: Poller, log: (message: string) => void) {
    this.#poller = poller;
    this.#settleMilliseconds = device.settleMilliseconds ?? 0;
    this.#workers = Array.from(
      { length: device.queues.count },
      (_, queue) => new RingWorker(queue, device, log),
    );
  }

  /** How many rings run. */
  get running(): number {
    return this.#workers.filter((worker) => worker.isRunning).length;
  }

  /** Whether a ring has to be looked at again and again, because its driver does not kick. */
  get polled(): boolean {
    for (let i = 0; i < this.#workers.length; i++) if (this.#workers[i]!.isPolled) return true;
    return false;
  }

  isRunning(index: number): boolean {
    return this.#workers[index]?.isRunning === true;
  }

  /** Start a ring, or go on with its new settings; `parked` requests go to the device first. */
  start(session: Session, ring: Ring, parked: readonly number[]): void {
    this.#workers[ring.index]?.start(session, ring, parked);
    this.#watchKick(ring);
  }

  /** Stop a ring once its deferred requests had the time that their device asks for. */
  settleAndStop(index: number): RingStop | undefined {
    const worker = this.#workers[index];
    const until = performance.now() + this.#settleMilliseconds;
    while (worker !== undefined && worker.waiting > 0) {
      const left = until - performance.now();
      if (left <= 0) break;
      this.#poller.waitOnly('device', Math.ceil(left));
    }
    return this.#stop(index);
  }

  /** Stop every ring that runs. */
  stopAll(): RingStop[] {
    return this.#workers.flatMap((_, index) => this.#stop(index) ?? []);
  }

  /** Handle what is there, ring by ring. Returns how many requests there were. */
  serve(): number {
    let handled = 0;
    for (let i = 0; i < this.#workers.length; i++) handled += this.#workers[i]!.serve(MAX_TURN);
    return handled;
  }

  /** Ask for kicks before sleeping. Returns whether there is something to do instead. */
  wantKicks(): boolean {
    let busy = false;
    for (let i = 0; i < this.#workers.length; i++) if (this.#workers[i]!.wantKicks()) busy = true;
    return busy;
  }

  #stop(index: number): RingStop | undefined {
    this.#forgetKick(index);
    return this.#workers[index]?.stop();
  }

  #watchKick({ index, kick }: Ring): void {
    this.#forgetKick(index);
    if (kick === undefined) return;
    const watch = this.#poller.watch('front-end', kick, Poll.in, () => {
      drainEventfd(kick.number);
    });
    this.#kicks.set(index, watch);
  }

  #forgetKick(index: number): void {
    this.#kicks.get(index)?.[Symbol.dispose]();
    this.#kicks.delete(index);
  }
}
