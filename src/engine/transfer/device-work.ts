import { asError, DeadlineError } from '../../errors.ts';
import type { Proceedings } from './course.ts';
import { TransferError } from './errors.ts';
import type { DeviceName } from './machine.ts';
import { whileAdvancing, within } from './wait.ts';

/** How a device is called in messages. */
export function titleOf({ idstr, instance }: DeviceName): string {
  return instance === 0 ? idstr : `${idstr}/${instance}`;
}

/** The saves or the loads of all devices, at the same time. None waits for another. */
export class DeviceWork {
  readonly #course: Proceedings;
  readonly #verb: 'save' | 'load';
  readonly #devices: readonly DeviceName[];
  readonly #running = new Map<number, Promise<void>>();
  readonly #ms: (number | undefined)[] = [];

  constructor(course: Proceedings, verb: 'save' | 'load', devices: readonly DeviceName[]) {
    this.#course = course;
    this.#verb = verb;
    this.#devices = devices;
  }

  /** How long the work for a device took, in milliseconds; undefined while it goes on, and where it failed. */
  msOf(device: number): number | undefined {
    return this.#ms[device];
  }

  /** Begin `work` for a device. Where it fails, the transfer ends at once, unless it has already. `finished` hears of its end. */
  start(device: number, work: () => Promise<void>, finished: (ms: number) => void = () => undefined): void {
    const name = this.#name(device);
    const began = performance.now();
    this.#course.emit({ type: 'device', did: this.#verb, ...name });
    const running = this.#run(work).then(
      () => {
        this.#running.delete(device);
        const ms = Math.round(performance.now() - began);
        this.#ms[device] = ms;
        this.#course.emit({ type: 'device', did: this.#participle, ms, ...name });
        finished(ms);
      },
      (thrown: unknown) => {
        this.#running.delete(device);
        if (!this.#course.signal.aborted) this.#failed(device, asError(thrown));
      },
    );
    this.#running.set(device, running);
  }

  /**
   * Wait until all is done. Rejects when nothing has got further for `ms`, by the count that `advanced` gives, and names
   * those that are not done, of which `blame` says that it is their own doing; the others are done by then, or wait.
   */
  async done(
    advanced: () => number,
    ms: number,
    blame: (device: number) => boolean = () => true,
  ): Promise<void> {
    const { signal } = this.#course;
    const all = Promise.all(this.#running.values());
    const what = `The ${this.#verb} of every device`;
    let idle = 0;
    const count = () => {
      // Where nobody is to blame, the wait is not theirs
      if (![...this.#running.keys()].some(blame)) idle++;
      return advanced() - this.#running.size + idle;
    };
    try {
      await whileAdvancing(all, count, { what, ms, signal });
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      const titles = [...this.#running.keys()].filter(blame).map((device) => titleOf(this.#devices[device]!));
      const message = `${titles.join(', ')} could not be ${this.#participle} within ${ms} ms`;
      throw new TransferError('ERR_DEVICE_STATE', message, { cause: error });
    }
    signal.throwIfAborted();
  }

  /** Wait for what still runs after it was told to end. Returns what does not return within `ms`. */
  async settle(ms: number): Promise<string[]> {
    try {
      await within(Promise.all(this.#running.values()), { what: 'The end of the devices', ms });
    } catch (_late) {
      // What is left is named
    }
    return [...this.#running.keys()].map((device) => titleOf(this.#devices[device]!));
  }

  /** Call `then` once everything that was begun has returned, however late. */
  whenReturned(then: () => void): void {
    Promise.all(this.#running.values()).then(then, then);
  }

  get #participle(): 'saved' | 'loaded' {
    return this.#verb === 'save' ? 'saved' : 'loaded';
  }

  /** What throws at once fails as what rejects. */
  async #run(work: () => Promise<void>): Promise<void> {
    await work();
  }

  #failed(device: number, cause: Error): void {
    this.#course.emit({ type: 'device', did: 'failed', why: cause.message, ...this.#name(device) });
    const title = titleOf(this.#devices[device]!);
    this.#course.fail(
      new TransferError('ERR_DEVICE_STATE', `${title} could not be ${this.#participle}: ${cause.message}`, {
        cause,
      }),
    );
  }

  #name(device: number): DeviceName {
    const { idstr, instance } = this.#devices[device]!;
    return { idstr, instance };
  }
}
