import { Lifecycle } from '../state/index.ts';
import { drainEventfd, type Fd, Poll } from '../sys/index.ts';
import { type BackEnd, type Profile, type Ring, type Session, VirtioFeature } from '../vhost-user/index.ts';
import { ARCS } from './arcs.ts';
import type { Device } from './device.ts';
import { noDriver } from './driver-state.ts';
import { byDevice, DeviceError } from './errors.ts';
import { MAX_TURN } from './limits.ts';
import type { Poller } from './poller.ts';
import { profileOf } from './profile.ts';
import { RingWorker } from './ring-worker.ts';
import type { DeviceSettings } from './settings.ts';
import { type InstanceStatus, protocolFeatureNames, showFeatures } from './status.ts';
import type { Direction } from './transfer.ts';
import { Transfers } from './transfers.ts';

/** Bits that belong to a connection, not to what was agreed upon with the guest's driver. */
const CONNECTION_BITS = VirtioFeature.LOG_ALL | VirtioFeature.PROTOCOL_FEATURES;

/**
 * The live device, whichever front ends come and go. One session owns it at a time; everything runs on the device
 * thread.
 */
export class Instance implements BackEnd, Disposable {
  readonly profile: Profile;
  readonly #device: Device;
  readonly #poller: Poller;
  readonly #settings: DeviceSettings;
  readonly #log: (message: string) => void;
  readonly #lifecycle = new Lifecycle();
  readonly #transfers: Transfers;
  readonly #workers: readonly RingWorker[];
  readonly #kicks = new Map<number, Disposable>();
  #driver = noDriver();
  #owner: Session | undefined;
  #epoch: number | undefined;
  /** Until when an instance without a front end keeps what belongs to its guest. */
  #keepUntil: number | undefined;
  #resetIsDue = false;

  constructor(device: Device, poller: Poller, settings: DeviceSettings, log: (message: string) => void) {
    this.#device = device;
    this.#poller = poller;
    this.#settings = settings;
    this.#log = log;
    this.profile = profileOf(device, settings);
    const { features } = this.profile;
    this.#transfers = new Transfers({ device, lifecycle: this.#lifecycle, poller, settings, features, log });
    this.#workers = Array.from(
      { length: device.queues.count },
      (_, queue) => new RingWorker(queue, device, log),
    );
  }

  // What a session asks for

  claim(session: Session): void {
    if (this.#owner === session) return;
    if (this.#owner !== undefined)
      throw new DeviceError('ERR_OWNED', 'Another front end is connected and owns this device');
    this.#owner = session;
    this.#keepUntil = undefined;
  }

  setFeatures(session: Session, features: bigint): void {
    this.claim(session);
    this.#refuseWhileBusy('SET_FEATURES');
    this.#driver.features = features & ~CONNECTION_BITS;
    byDevice('negotiated', () => this.#device.negotiated?.(features & this.#device.features));
  }

  startRing(session: Session, ring: Ring): void {
    this.claim(session);
    this.#refuseWhileBusy('SET_VRING_KICK');
    if (this.#epoch !== undefined)
      throw new DeviceError(
        'ERR_FENCED',
        `Ring ${ring.index} does not start: the guest runs elsewhere since epoch ${this.#epoch}`,
      );
    const worker = this.#workers[ring.index];
    const next = ring.queue?.next;
    if (worker === undefined || next === undefined)
      throw new DeviceError('ERR_DEVICE', `There is no queue ${ring.index} to start`);
    this.#refuseUnchecked();
    if (this.#lifecycle.state !== ARCS.start) this.#resume(ring.index, next);
    worker.start(session, ring, worker.isRunning ? [] : this.#takeParked(ring.index, next));
    this.#watchKick(ring);
  }

  stopRing(_session: Session, ring: Ring): void {
    const worker = this.#workers[ring.index];
    if (worker?.isRunning !== true) return;
    this.#settle(worker);
    this.#park(worker);
    if (!this.#anyRunning()) this.#suspend();
  }

  enableRing(): void {
    // A worker asks its ring whether it is enabled, and all rings are looked at before the thread sleeps
  }

  reset(session: Session): void {
    if (session !== this.#owner) return;
    this.#transfers.cancel('the front end reset the device');
    this.#parkAll();
    this.#resetIsDue = true;
    this.#resetIfDue();
  }

  readConfig(offset: number, length: number): Uint8Array {
    const bytes = this.#device.config?.read(offset, length);
    if (bytes?.length !== length)
      throw new DeviceError(
        'ERR_CONFIG',
        `Bytes ${offset} to ${offset + length} of the configuration space are not there`,
      );
    return bytes;
  }

  writeConfig(offset: number, bytes: Uint8Array): void {
    this.#refuseWhileBusy('SET_CONFIG');
    const { config } = this.#device;
    if (config?.write === undefined)
      throw new DeviceError('ERR_CONFIG', 'The configuration space is read-only');
    config.write(offset, bytes);
  }

  beginTransfer(session: Session, direction: Direction, channel: Fd): Fd | undefined {
    try {
      this.claim(session);
    } catch (error) {
      channel[Symbol.dispose]();
      throw error;
    }
    return this.#transfers.begin(direction, channel);
  }

  checkTransfer(session: Session): void {
    if (session !== this.#owner)
      throw new DeviceError('ERR_OWNED', 'This front end does not own the device, and began no transfer');
    const driver = this.#transfers.check();
    if (driver !== undefined) this.#driver = driver;
  }

  disconnected(session: Session): void {
    if (session !== this.#owner) return;
    this.#transfers.cancel('the front end disconnected');
    this.#parkAll();
    this.#owner = undefined;
    if (this.#driver.seen) this.#keepUntil = performance.now() + this.#settings.keep;
  }

  // What the thread does

  /** A transfer has been begun, or one that was cancelled has to come to its end: `tick` comes before any request. */
  get wantsTurn(): boolean {
    const { busy, current } = this.#transfers;
    return this.#resetIsDue || current?.status === 'pending' || (busy && current === undefined);
  }

  /** Handle requests of all running rings. Returns how many there were. */
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

  /** How long the thread may sleep, in milliseconds; -1 for ever. */
  get patience(): number {
    for (let i = 0; i < this.#workers.length; i++) if (this.#workers[i]!.isPolled) return 0;
    if (this.#keepUntil === undefined) return -1;
    return Math.max(0, Math.ceil(this.#keepUntil - performance.now()));
  }

  /** Do what has become due: a transfer that was begun, a reset that had to wait for one, an owner that did not come. */
  tick(): void {
    while (this.#transfers.current?.status === 'pending') {
      this.#transfers.run(this.#driver);
      this.#resetIfDue();
    }
    if (this.#keepUntil === undefined || performance.now() < this.#keepUntil) return;
    this.#log(`No front end came for ${this.#settings.keep} ms: what belonged to the guest is dropped`);
    this.#forgetGuest();
  }

  // What the operator asks for

  get status(): InstanceStatus {
    const { identity } = this.#device;
    const owner = this.#owner;
    return {
      device: identity.name,
      stateVersion: identity.stateVersion,
      features: showFeatures(this.profile.features),
      protocolFeatures: protocolFeatureNames(this.profile.protocolFeatures),
      negotiated:
        owner === undefined
          ? null
          : {
              features: showFeatures(owner.features),
              protocolFeatures: protocolFeatureNames(owner.protocolFeatures),
            },
      lifecycle: this.#lifecycle.state,
      owner: owner !== undefined,
      ringsRunning: this.#workers.filter((worker) => worker.isRunning).length,
      epoch: this.#epoch ?? null,
      lastTransfer: this.#transfers.report,
    };
  }

  /** Make the transfer of device state fail, also one that only waits to be checked. Returns whether there was one. */
  abortTransfer(reason: string): boolean {
    return this.#transfers.abort(reason);
  }

  /** The guest was committed elsewhere in `epoch`: start no ring until `release`. Throws while rings run here. */
  fence(epoch: number): void {
    if (this.#anyRunning())
      throw new DeviceError('ERR_NOT_SUSPENDED', 'The guest runs here: its rings have not been stopped');
    this.#epoch = epoch;
  }

  /** Rings may start again. Returns whether they could not. */
  release(): boolean {
    const fenced = this.#epoch !== undefined;
    this.#epoch = undefined;
    return fenced;
  }

  [Symbol.dispose](): void {
    this.#transfers.cancel('the process ends');
    this.#parkAll();
  }

  /** The device runs again: the same boot of the guest goes on, or a new driver initialises it. */
  #resume(queue: number, next: number): void {
    const stopped = this.#driver.stops.get(queue);
    // Only a new driver starts a ring at its beginning that was in use; it says so where there is RESET_DEVICE
    if (next === 0 && stopped !== undefined && stopped.next !== 0) this.#forgetGuest();
    this.#lifecycle.reach(ARCS.start);
    this.#driver.seen = true;
    byDevice('resume', () => this.#device.resume?.());
  }

  /** The requests to hand to the device again, if the ring goes on where it stopped. */
  #takeParked(queue: number, next: number): readonly number[] {
    const { stops } = this.#driver;
    const stop = stops.get(queue);
    if (stop === undefined || stop.parked.length === 0) return [];
    stops.set(queue, { ...stop, parked: [] });
    if (stop.next === next) return stop.parked;
    this.#log(
      `Queue ${queue} stopped at ${stop.next} and starts at ${next}: ${stop.parked.length} parked requests are dropped`,
    );
    return [];
  }

  #watchKick({ index, kick }: Ring): void {
    this.#kicks.get(index)?.[Symbol.dispose]();
    this.#kicks.delete(index);
    if (kick === undefined) return;
    const watch = this.#poller.watch('front-end', kick, Poll.in, () => {
      drainEventfd(kick.number);
    });
    this.#kicks.set(index, watch);
  }

  /** Give deferred requests the time that their device asks for. */
  #settle(worker: RingWorker): void {
    const until = performance.now() + (this.#device.settleMilliseconds ?? 0);
    while (worker.waiting > 0) {
      const left = until - performance.now();
      if (left <= 0) return;
      this.#poller.waitOnly('device', Math.ceil(left));
    }
  }

  #park(worker: RingWorker): void {
    const stop = worker.stop();
    if (stop === undefined) return;
    this.#driver.stops.set(stop.queue, stop);
    this.#kicks.get(stop.queue)?.[Symbol.dispose]();
    this.#kicks.delete(stop.queue);
  }

  #parkAll(): void {
    if (!this.#anyRunning()) return;
    for (const worker of this.#workers) this.#park(worker);
    this.#suspend();
  }

  #suspend(): void {
    byDevice('suspend', () => this.#device.suspend?.());
    this.#lifecycle.reach(ARCS.suspend);
  }

  #anyRunning(): boolean {
    return this.#workers.some((worker) => worker.isRunning);
  }

  /** Once the device itself is not busy saving or loading. */
  #resetIfDue(): void {
    if (!this.#resetIsDue || this.#transfers.busy) return;
    this.#resetIsDue = false;
    this.#forgetGuest();
  }

  /** Drop what belonged to a boot of the guest. A device that had failed is as new. */
  #forgetGuest(): void {
    this.#keepUntil = undefined;
    this.#driver = { ...noDriver(), features: this.#driver.features };
    if (this.#lifecycle.state === 'error') this.#lifecycle.advance('error', 'stop');
    byDevice('reset', () => this.#device.reset?.());
  }

  #refuseWhileBusy(request: string): void {
    if (this.#transfers.busy)
      throw new DeviceError(
        'ERR_TRANSFER_RUNNING',
        `${request} has to wait: device state is being transferred`,
      );
  }

  /** Rings do not start on a state that may be about to change; a saved one nobody asked about does not matter. */
  #refuseUnchecked(): void {
    const transfer = this.#transfers.current;
    if (transfer?.direction === 'load')
      throw new DeviceError(
        'ERR_TRANSFER_UNCHECKED',
        'Rings start once CHECK_DEVICE_STATE has settled the state that is being loaded',
      );
    this.#transfers.cancel('the rings started again');
  }
}
