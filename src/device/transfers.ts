import { asError } from '../errors.ts';
import type { Lifecycle, TransferReport } from '../state/index.ts';
import { createPipe, type Fd } from '../sys/index.ts';
import { ARCS } from './arcs.ts';
import type { Device } from './device.ts';
import type { DriverState } from './driver-state.ts';
import { DeviceError } from './errors.ts';
import type { DeviceParameters } from './parameters.ts';
import type { Poller } from './poller.ts';
import type { DeviceSettings } from './settings.ts';
import { type LoadedState, loadState, saveState } from './state-exchange.ts';
import { cancelled, type Direction, fitsDirection, Transfer } from './transfer.ts';

/** What the transfers of an instance work with. */
export interface TransferContext {
  readonly device: Device;
  readonly lifecycle: Lifecycle;
  readonly poller: Poller;
  readonly settings: DeviceSettings;
  /** Feature bits that the device can offer to a driver. */
  readonly features: bigint;
  readonly log: (message: string) => void;
  /** Its migration parameters, where it has any. */
  readonly parameters: DeviceParameters | undefined;
}

/**
 * The transfers of one instance's state, one at a time: begun by SET_DEVICE_STATE_FD, run once that has been answered,
 * settled by CHECK_DEVICE_STATE. What happens meanwhile is heard from within the transfer, and makes it fail; whatever
 * would touch the device itself has to wait until `busy` is over.
 */
export class Transfers {
  readonly #context: TransferContext;
  #current: Transfer | undefined;
  #loaded: LoadedState | undefined;
  #records = 0;
  #running: Transfer | undefined;
  #report: TransferReport | null = null;

  constructor(context: TransferContext) {
    this.#context = context;
  }

  /** Whether the device is saving or loading right now, further up this thread's stack. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** What there is that has not been checked. */
  get current(): Transfer | undefined {
    return this.#current;
  }

  /** How the present transfer, or the last one, goes or went. */
  get report(): TransferReport | null {
    return this.#current === undefined ? this.#report : this.#describe(this.#current);
  }

  /**
   * Take over `channel` for a transfer, in place of one that was not checked. Returns the descriptor for the front end
   * to use instead of its own, if it is to. Throws where the device is not suspended or the channel does not fit.
   */
  begin(direction: Direction, channel: Fd): Fd | undefined {
    using offered = new DisposableStack();
    offered.use(channel);
    this.cancel('the front end began another one');
    const { lifecycle, poller, settings } = this.#context;
    if (lifecycle.state !== 'stop')
      throw new DeviceError(
        'ERR_NOT_SUSPENDED',
        `State is transferred in state stop, the device is in state ${lifecycle.state}`,
      );
    if (!fitsDirection(channel, direction))
      throw new DeviceError('ERR_TRANSFER_CHANNEL', `The descriptor cannot be used to ${direction} state`);
    let ours = channel;
    let theirs: Fd | undefined;
    if (settings.stateChannel === 'own') {
      const { read, write } = createPipe('device state');
      [ours, theirs] = direction === 'save' ? [write, read] : [read, write];
    } else offered.move();
    this.#current = new Transfer(direction, ours, poller, settings);
    lifecycle.reach(ARCS[direction]);
    return theirs;
  }

  /** Run the transfer that has been begun, if there is one. */
  run(driver: DriverState): void {
    const transfer = this.#current;
    if (transfer?.status !== 'pending') return;
    this.#running = transfer;
    transfer.run(() => this.#work(transfer, driver));
    this.#running = undefined;
    const { direction, bytes, milliseconds, failure } = transfer;
    const took = `${bytes} bytes in ${milliseconds.toFixed(1)} ms`;
    if (failure === undefined) this.#context.log(`${direction}: ${this.#records} records, ${took}`);
    else this.#context.log(`${direction} failed after ${took}: ${failure.message}`);
  }

  /**
   * CHECK_DEVICE_STATE: settle the transfer. Returns what the SDK keeps of the driver where another state became the
   * live one. Throws unless the transfer succeeded.
   */
  check(): DriverState | undefined {
    const transfer = this.#current;
    if (transfer === undefined)
      throw new DeviceError('ERR_NO_TRANSFER', 'There is no transfer of device state to be checked');
    if (transfer.status === 'pending' || transfer.status === 'running')
      transfer.fail(cancelled('CHECK_DEVICE_STATE came before the end of the stream'));
    const loaded = transfer.status === 'done' ? this.#loaded : undefined;
    if (loaded !== undefined) this.#loaded = undefined;
    this.#close(transfer, 'ok');
    if (transfer.failure !== undefined) throw transfer.failure;
    if (loaded === undefined) return undefined;
    this.#commit(loaded);
    return loaded.driver;
  }

  /** Give up what has not been checked, whatever state it is in. */
  cancel(reason: string): void {
    const transfer = this.#current;
    if (transfer === undefined) return;
    transfer.fail(cancelled(reason));
    this.#close(transfer, 'failed');
  }

  /** Make what has not been checked fail, so that its check says so. Returns whether there was something. */
  abort(reason: string): boolean {
    const transfer = this.#current;
    if (transfer === undefined || transfer.status === 'failed') return false;
    transfer.fail(cancelled(reason));
    this.#dropLoaded();
    return true;
  }

  #work(transfer: Transfer, driver: DriverState): void {
    const { device, features, settings, parameters } = this.#context;
    if (transfer.direction === 'save') {
      this.#records = saveState(device, driver, transfer, parameters);
      return;
    }
    const loaded = loadState(device, features, transfer, { maxStream: settings.maxState }, parameters);
    this.#records = loaded.records;
    if (transfer.failure === undefined) this.#loaded = loaded;
    else loaded.staged[Symbol.dispose]();
  }

  #commit({ staged }: LoadedState): void {
    try {
      staged.commit();
    } catch (error) {
      this.#context.lifecycle.reach('error');
      const { message } = asError(error);
      throw new DeviceError('ERR_DEVICE', `The loaded state could not become the live one: ${message}`, {
        cause: error,
      });
    }
  }

  /** The transfer is over. One that still runs is left by an error as soon as its wait returns. */
  #close(transfer: Transfer, outcome: 'ok' | 'failed'): void {
    this.#current = undefined;
    this.#report = {
      ...this.#describe(transfer),
      outcome: transfer.failure === undefined ? outcome : 'failed',
    };
    this.#dropLoaded();
    if (transfer !== this.#running) transfer[Symbol.dispose]();
    this.#context.lifecycle.reach(ARCS.check);
  }

  #dropLoaded(): void {
    this.#loaded?.staged[Symbol.dispose]();
    this.#loaded = undefined;
  }

  #describe({ direction, status, bytes, milliseconds, failure }: Transfer): TransferReport {
    return {
      direction,
      outcome: status === 'failed' ? 'failed' : status === 'done' ? 'unchecked' : 'running',
      bytes,
      records: this.#records,
      milliseconds: Math.round(milliseconds * 1000) / 1000,
      ...(failure === undefined ? {} : { reason: failure.message }),
    };
  }
}
