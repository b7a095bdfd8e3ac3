import { drainEventfd, Poll } from '../sys/index.ts';
import type { Ring, Session } from '../vhost-user/index.ts';
import type { ParkedRequest } from '../virtio/index.ts';
import type { Device } from './device.ts';
import { byDevice } from './errors.ts';
import { MAX_TURN } from './limits.ts';
import type { Poller } from './poller.ts';
import type { RingStop } from './ring-stop.ts';
import { RingWorker } from './ring-worker.ts';

/** All rings of a device: which run, and what wakes the thread for them. */
export class Rings {
  readonly #workers: readonly RingWorker[];
  readonly #kicks = new Map<number, Disposable>();
  readonly #poller: Poller;
  readonly #device: Device;
  /** A ring's requests were not answered in their time: others that stop with it wait no second time. */
  #impatient = false;

  constructor(device: Device, poller: Poller, log: (message: string) => void) {
    this.#poller = poller;
    this.#device = device;
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
  start(session: Session, ring: Ring, parked: readonly ParkedRequest[]): void {
    this.#impatient = false;
    this.#workers[ring.index]?.start(session, ring, parked);
    this.#watchKick(ring);
  }

  /** Stop a ring once its deferred requests had the time that their device asks for, if they are to be answered. */
  settleAndStop({ index, mayLeaveInflight }: Ring): RingStop | undefined {
    const worker = this.#workers[index];
    if (worker !== undefined && !mayLeaveInflight && !this.#impatient)
      this.#impatient = this.#settle([worker]) > 0;
    return this.#stop(index);
  }

  /** Have deferred requests answered that are under way elsewhere. Returns how many of them are left. */
  settleAll(): number {
    return this.#settle(this.#workers);
  }

  /** The guest's memory is another one than before. */
  memoryChanged(): void {
    for (const worker of this.#workers) worker.dropLost();
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
    const worker = this.#workers[index];
    if (worker !== undefined && worker.waiting > 0) byDevice('halt', () => this.#device.halt?.(index));
    return worker?.stop();
  }

  #settle(workers: readonly RingWorker[]): number {
    const { settleMilliseconds = 0 } = this.#device;
    if (settleMilliseconds === 0) return 0;
    const until = performance.now() + settleMilliseconds;
    for (;;) {
      const waiting = workers.reduce((sum, worker) => sum + worker.waiting, 0);
      const left = until - performance.now();
      if (waiting === 0 || left <= 0) return waiting;
      this.#poller.waitOnly('device', Math.ceil(left));
    }
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
