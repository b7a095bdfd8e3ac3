import { type DeviceReport, Lifecycle, type MigrationDetails } from '../state/index.ts';
import type { Fd } from '../sys/index.ts';
import { type BackEnd, type Profile, type Ring, type Session, VirtioFeature } from '../vhost-user/index.ts';
import type { VirtqueueKind } from '../virtio/index.ts';
import { ARCS } from './arcs.ts';
import type { Device } from './device.ts';
import { DriverState } from './driver-state.ts';
import { byDevice, DeviceError } from './errors.ts';
import { DeviceParameters } from './parameters.ts';
import type { Poller } from './poller.ts';
import { profileOf } from './profile.ts';
import { Rings } from './rings.ts';
import type { DeviceSettings } from './settings.ts';
import { protocolFeatureNames, showFeatures } from './status.ts';
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
  readonly #settings: DeviceSettings;
  readonly #log: (message: string) => void;
  readonly #lifecycle = new Lifecycle();
  readonly #transfers: Transfers;
  readonly #rings: Rings;
  readonly #parameters: DeviceParameters | undefined;
  #driver = new DriverState();
  #owner: Session | undefined;
  #epoch: number | undefined;
  /** Until when an instance without a front end keeps what belongs to its guest. */
  #keepUntil: number | undefined;
  #resetIsDue = false;
  /** The configuration space changed while nobody was there to be told. */
  #owesConfigChange = false;

  constructor(device: Device, poller: Poller, settings: DeviceSettings, log: (message: string) => void) {
    this.#device = device;
    this.#settings = settings;
    this.#log = log;
    this.profile = profileOf(device, settings);
    const { features } = this.profile;
    const parameters = DeviceParameters.of(device, settings, () => this.#driver.features);
    this.#parameters = parameters;
    this.#transfers = new Transfers({
      device,
      lifecycle: this.#lifecycle,
      poller,
      settings,
      features,
      log,
      parameters,
    });
    this.#rings = new Rings(device, poller, log);
  }

  // What a session asks for

  claim(session: Session): void {
    if (this.#owner === session) return;
    if (this.#owner !== undefined)
      throw new DeviceError('ERR_OWNED', 'Another front end is connected and owns this device');
    this.#owner = session;
    this.#keepUntil = undefined;
    if (this.#owesConfigChange) session.announceConfigChange();
    this.#owesConfigChange = false;
  }

  setFeatures(session: Session, features: bigint): void {
    this.claim(session);
    this.#refuseWhileBusy('SET_FEATURES');
    this.#driver.features = features & ~CONNECTION_BITS;
    byDevice('negotiated', () => this.#device.negotiated?.(features & this.#device.features));
  }

  goOnAt(session: Session, index: number, kind: VirtqueueKind, base: number): number {
    this.claim(session);
    return this.#driver.goOnAt(index, kind, base);
  }

  startRing(session: Session, ring: Ring): void {
    this.claim(session);
    this.#refuseWhileBusy('SET_VRING_KICK');
    if (this.#epoch !== undefined)
      throw new DeviceError(
        'ERR_FENCED',
        `Ring ${ring.index} does not start: the guest runs elsewhere since epoch ${this.#epoch}`,
      );
    const { queue } = ring;
    if (ring.index >= this.profile.queues || queue === undefined)
      throw new DeviceError('ERR_DEVICE', `There is no queue ${ring.index} to start`);
    this.#refuseUnchecked();
    const isRunning = this.#rings.isRunning(ring.index);
    if (!isRunning && this.#driver.isAnother(ring.index, queue)) this.#forgetGuest();
    if (this.#lifecycle.state !== ARCS.start) this.#resume();
    this.#driver.seen = true;
    const unanswered = isRunning ? [] : this.#driver.takeUnanswered(ring.index, queue, this.#log);
    this.#rings.start(session, ring, unanswered);
  }

  stopRing(_session: Session, ring: Ring): void {
    if (!this.#rings.isRunning(ring.index)) return;
    const stop = this.#rings.settleAndStop(ring);
    this.#driver.remember(stop);
    const { settleMilliseconds = 0 } = this.#device;
    if (stop !== undefined && stop.parked.length > 0 && settleMilliseconds > 0 && !ring.mayLeaveInflight)
      this.#log(
        `Queue ${ring.index} stopped with ${stop.parked.length} requests that were not answered within ` +
          `${settleMilliseconds} ms: they go on where this device's state does`,
      );
    if (this.#rings.running === 0) this.#suspend();
  }

  enableRing(): void {
    // A worker asks its ring whether it is enabled, and all rings are looked at before the thread sleeps
  }

  releaseMemory(session: Session): void {
    if (session !== this.#owner) return;
    const waiting = this.#rings.settleAll();
    if (waiting > 0)
      throw new DeviceError('ERR_REQUESTS_UNDER_WAY', `${waiting} requests use the memory that is to go`);
  }

  memoryChanged(session: Session): void {
    if (session === this.#owner) this.#rings.memoryChanged();
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
    this.#owesConfigChange = session.owesConfigChange;
    if (this.#driver.seen) this.#keepUntil = performance.now() + this.#settings.keep;
  }

  // What the thread does

  /** A transfer has been begun, or one that was cancelled has to come to its end: `tick` comes before any request. */
  get wantsTurn(): boolean {
    const { busy, current } = this.#transfers;
    return this.#resetIsDue || current?.status === 'pending' || (busy && current === undefined);
  }

  /** The rings, for the thread to serve between two looks at everything else. */
  get rings(): Rings {
    return this.#rings;
  }

  /** How long the thread may sleep, in milliseconds; -1 for ever. */
  get patience(): number {
    if (this.#rings.polled) return 0;
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

  /**
   * The device's configuration space is another one. A front end that comes back reads it no second time by itself, so
   * that the news waits for it.
   */
  configChanged(): void {
    if (this.#owner === undefined) this.#owesConfigChange = true;
    else this.#owner.announceConfigChange();
  }

  // What the operator asks for

  get status(): DeviceReport {
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
      ringsRunning: this.#rings.running,
      epoch: this.#epoch ?? null,
      lastTransfer: this.#transfers.report,
      migration: this.#parameters?.report ?? null,
    };
  }

  /** Make the transfer of device state fail, also one that only waits to be checked. Returns whether there was one. */
  abortTransfer(reason: string): boolean {
    return this.#transfers.abort(reason);
  }

  /** The guest was committed elsewhere in `epoch`: start no ring until `release`. Throws while rings run here. */
  fence(epoch: number): void {
    if (this.#rings.running > 0)
      throw new DeviceError('ERR_NOT_SUSPENDED', 'The guest runs here: its rings have not been stopped');
    this.#epoch = epoch;
  }

  /** Rings may start again. Returns whether they could not. */
  release(): boolean {
    const fenced = this.#epoch !== undefined;
    this.#epoch = undefined;
    return fenced;
  }

  /** Look how large what the device stands for is by now. Returns bytes; throws where it has no size that could change. */
  resize(): number {
    const { resize, identity } = this.#device;
    if (resize === undefined)
      throw new DeviceError('ERR_DEVICE', `The ${identity.name} device has no size that could change`);
    this.#refuseWhileBusy('A resize');
    return resize.call(this.#device);
  }

  /** What the device says of migration compatibility. Throws `ERR_PARAMETERS_NONE` where that is nothing. */
  get parameters(): DeviceParameters {
    if (this.#parameters !== undefined) return this.#parameters;
    throw new DeviceError(
      'ERR_PARAMETERS_NONE',
      `The ${this.#device.identity.name} device has no migration parameters`,
    );
  }

  /** Set a migration parameter that may change while the device runs. */
  setParameter(name: string, value: string): MigrationDetails {
    const { parameters } = this;
    if (this.#transfers.current !== undefined || this.#transfers.busy)
      throw new DeviceError(
        'ERR_TRANSFER_RUNNING',
        `${name} stays as it is: device state is being transferred`,
      );
    parameters.set(name, value);
    this.#log(`${name} was set to ${value}`);
    return parameters.details;
  }

  [Symbol.dispose](): void {
    this.#transfers.cancel('the process ends');
    this.#parkAll();
  }

  #resume(): void {
    this.#lifecycle.reach(ARCS.start);
    byDevice('resume', () => this.#device.resume?.());
  }

  #parkAll(): void {
    if (this.#rings.running === 0) return;
    for (const stop of this.#rings.stopAll()) this.#driver.remember(stop);
    this.#suspend();
  }

  #suspend(): void {
    byDevice('suspend', () => this.#device.suspend?.());
    this.#lifecycle.reach(ARCS.suspend);
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
    this.#driver = new DriverState(this.#driver.features);
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
