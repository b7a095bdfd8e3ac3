import { FerryError } from '../../errors.ts';
import { connectUnix, Fd } from '../../sys/index.ts';
import type { DriverQueue } from '../../virtio/index.ts';
import { FrontEndRequest, ProtocolFeature, VirtioFeature } from '../constants.ts';
import type { Offer } from './agreement.ts';
import { readConfig, writeConfig } from './config.ts';
import { Connection } from './connection.ts';
import { loadDeviceState, saveDeviceState, type TransferOptions } from './device-state.ts';
import { getInflight, type InflightRegion, type InflightShape, setInflight } from './inflight.ts';
import { noLog, SharedLog } from './log.ts';
import type { SharedRegion } from './memory.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  type Negotiation,
  type NegotiationOrder,
  TRANSPORT_FEATURES,
} from './negotiation.ts';
import { RingSet } from './ring-set.ts';
import { addStatus, DeviceStatus, readStatus, writeStatus } from './status.ts';

/** What a front end asks for; what it gets is the part of it that the back end offers. */
export interface FrontEndOptions {
  /** Virtio feature bits to accept; by default those of the transport, split rings only. */
  readonly features?: bigint;
  /**
   * Protocol feature bits to accept; by default all that this front end serves but GET_VRING_BASE_INFLIGHT, which leaves
   * requests to whoever has the inflight region.
   */
  readonly protocolFeatures?: bigint;
  /** Whose order of messages opens the session; `libblkio` also sets NEED_REPLY wherever it may. */
  readonly order?: NegotiationOrder;
  /** Longest wait for an answer, in milliseconds; 5 s unless given. */
  readonly deadline?: number;
}

const DEFAULT_PROTOCOL_FEATURES = FRONT_END_PROTOCOL_FEATURES & ~ProtocolFeature.GET_VRING_BASE_INFLIGHT;
const LATER_DRIVER = DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.DRIVER_OK;

/**
 * A VMM's side of vhost-user for one device, in place of QEMU: it negotiates, shares memory, starts and stops rings,
 * logs dirty pages and moves device state. It blocks the calling thread, each wait with a deadline: in a program that
 * does anything else it belongs on a thread of its own.
 *
 * Rings, memory, inflight region and their contents belong to the guest and outlive it, so that another back end, or the
 * same one after it died (`reconnect`), can carry on with them. Every refusal and every answer that the protocol does
 * not allow is a `FerryError`; an acknowledgement is provisional until the next answer (`HangUpError`).
 */
export class FrontEnd implements Disposable {
  readonly #options: FrontEndOptions;
  readonly #rings = new RingSet();
  #connection: Connection;
  #log: SharedLog | undefined;
  #inflight: InflightRegion | undefined;
  #configChanges = 0;

  /** Talk to the back end at the other end of `socket`, which is taken over. Nothing is sent yet. */
  constructor(socket: Fd, options: FrontEndOptions = {}) {
    this.#options = options;
    this.#connection = this.#connectionOver(socket);
  }

  /** Connect to the back end that listens at `path`, and negotiate. */
  static connect(path: string, options: FrontEndOptions = {}): FrontEnd {
    return FrontEnd.#negotiated(connectUnix(path), options);
  }

  /** Negotiate with the back end at the other end of the connected unix socket `number`, which is taken over. */
  static inherit(number: number, options: FrontEndOptions = {}): FrontEnd {
    return FrontEnd.#negotiated(new Fd(number, 'inherited connection to a back end'), options);
  }

  static #negotiated(socket: Fd, options: FrontEndOptions): FrontEnd {
    const frontEnd = new FrontEnd(socket, options);
    try {
      frontEnd.negotiate();
      return frontEnd;
    } catch (error) {
      frontEnd[Symbol.dispose]();
      throw error;
    }
  }

  /** Virtio features that both sides have. */
  get features(): bigint {
    return this.#connection.agreement.features;
  }

  /** Protocol features that both sides have. */
  get protocolFeatures(): bigint {
    return this.#connection.agreement.protocolFeatures;
  }

  /** Whether a protocol feature was agreed on. */
  has(feature: keyof typeof ProtocolFeature): boolean {
    return this.#connection.agreement.has(feature);
  }

  /** What the back end said that it has, as far as it was asked. */
  get offered(): Offer {
    return this.#connection.agreement.offered;
  }

  /** Queues that the back end says it has, where it can say so. */
  get maxQueues(): number | undefined {
    return this.offered.queues;
  }

  /** Memory regions that the back end takes, where it can say so. */
  get memorySlots(): number | undefined {
    return this.offered.memorySlots;
  }

  /**
   * The single steps of a session's opening, for whoever wants another order than `negotiate` has. SET_FEATURES is sent
   * by `start` in any case.
   */
  get step(): Negotiation {
    return this.#connection.step;
  }

  /** The opening of a session in the order that the options name; then a reset, as at power-on. */
  negotiate(): void {
    const { features = TRANSPORT_FEATURES, protocolFeatures = DEFAULT_PROTOCOL_FEATURES } = this.#options;
    this.#connection.open({ features, protocolFeatures });
    this.reset();
  }

  /** Give the back end a channel for requests of its own; a channel that it had is closed. */
  openRequestChannel(): void {
    this.#connection.giveRequestChannel();
  }

  /** RESET_DEVICE, or status 0, where the back end knows one of them: the device is as if no driver had ever been. */
  reset(): void {
    const { channel, agreement } = this.#connection;
    if (agreement.has('RESET_DEVICE')) channel.tellOnly(FrontEndRequest.RESET_DEVICE);
    else if (agreement.has('STATUS')) writeStatus(channel, 0);
  }

  /** The device's status byte, where STATUS was negotiated. */
  get status(): number {
    this.#connection.agreement.need('STATUS', 'its status cannot be read');
    return readStatus(this.#connection.channel);
  }

  /** `length` bytes, at most 256, of the device's configuration space from `offset`. */
  readConfig(offset: number, length: number): Uint8Array {
    this.#connection.agreement.need('CONFIG', 'its configuration space cannot be read');
    return readConfig(this.#connection.channel, offset, length);
  }

  /** Write at most 256 bytes to the device's configuration space. */
  writeConfig(offset: number, bytes: Uint8Array): void {
    this.#connection.agreement.need('CONFIG', 'its configuration space cannot be written');
    writeConfig(this.#connection.channel, offset, bytes);
  }

  /** Share further regions of the guest's memory, which stay the caller's. Rings may run. */
  shareMemory(...regions: readonly SharedRegion[]): void {
    const { memory, channel } = this.#connection;
    memory.add(regions);
    if (this.#log === undefined || memory.end <= this.#log.end) return;
    this.#log = this.#log.renewed(channel, memory.end);
  }

  /**
   * Take a region back. Rings may run, but neither they nor requests in flight may lie in it. Throws `ERR_REGION_IN_USE`
   * for a ring; requests are the caller's business.
   */
  removeMemory(region: SharedRegion): void {
    this.#rings.refuseWithin(region);
    this.#connection.memory.remove(region);
  }

  /**
   * Ask the back end for a region to note its requests in, and hand it back to be used (GET_INFLIGHT_FD,
   * SET_INFLIGHT_FD). Undefined where it has none. The region is the caller's; it is given again at `reconnect`.
   */
  getInflight(shape: InflightShape): InflightRegion | undefined {
    const { channel, agreement } = this.#connection;
    agreement.need('INFLIGHT_SHMFD', 'requests in flight cannot be noted');
    // How long a queue's part is depends on the kind of queues
    this.#sendFeatures();
    const region = getInflight(channel, shape);
    if (region === undefined) return undefined;
    try {
      this.#giveInflight(region);
      return region;
    } catch (error) {
      region[Symbol.dispose]();
      throw error;
    }
  }

  /** Hand over the region that another back end, or an earlier life of this one, has noted its requests in. */
  setInflight(region: InflightRegion): void {
    this.#connection.agreement.need('INFLIGHT_SHMFD', 'requests in flight cannot be handed over');
    this.#sendFeatures();
    this.#giveInflight(region);
  }

  /**
   * Give the next ring its queue. `base` is where the device is to begin, as `base` of another front end told it: 16 bits
   * for a split queue, 32 for a packed one; by default where the device has finished. Returns the ring's index.
   */
  addRing(queue: DriverQueue, base?: number): number {
    return this.#rings.add(queue, base);
  }

  /** Start every ring, with dirty logging when that is on. Returns when the back end has answered once more. */
  start(): void {
    const { agreement, channel, memory } = this.#connection;
    if (memory.regions.length === 0)
      throw new FerryError('ERR_NO_MEMORY', 'Rings can only be started once memory is shared');
    this.#rings.refuseMoreThan(this.maxQueues);
    this.#sendFeatures();
    if (agreement.has('STATUS')) addStatus(channel, DeviceStatus.FEATURES_OK);
    this.#rings.start(this.#connection, this.#log !== undefined);
    if (agreement.has('STATUS')) addStatus(channel, LATER_DRIVER);
    // Where nothing is acknowledged this is what shows that the back end took it all
    this.ping();
  }

  /**
   * Stop every ring. Afterwards the device is suspended: its state can be saved or loaded, or the rings restarted. Where
   * an answer cannot be true the other rings are stopped all the same, before that is thrown.
   */
  stop(): void {
    this.#rings.stop(this.#connection);
  }

  /** Disable a ring, which then serves nothing, or enable it again, while it stays started. */
  enable(index: number, enabled: boolean): void {
    this.#connection.messages.enable(this.#rings.at(index), enabled ? 1 : 0);
  }

  /** Where ring `index` goes on, as `stop` learned it. */
  base(index: number): number {
    return this.#rings.at(index).base;
  }

  /** Tell the device that ring `index` has something new. */
  kick(index: number): void {
    this.#rings.kick(index);
  }

  /**
   * Sleep until the device calls for ring `index`, at most `milliseconds`. Returns whether it did. Requests of the back
   * end are served meanwhile. Throws `HangUpError` where the back end hangs up and `ERR_RING_BROKEN` where it gives the
   * ring up.
   */
  waitForCall(index: number, milliseconds: number): boolean {
    return this.#rings.wait(index, 1, this.#connection, milliseconds);
  }

  /** As `waitForCall`, for the call of any of `count` rings from `first`. */
  waitForCalls(first: number, count: number, milliseconds: number): boolean {
    return this.#rings.wait(first, count, this.#connection, milliseconds);
  }

  /** Serve what the back end requested until now, without waiting: for drivers that never sleep. */
  serveRequests(): void {
    this.#connection.requests?.serve();
  }

  /** How often the back end has said that the configuration space has changed. */
  get configChanges(): number {
    return this.#configChanges + this.#connection.configChanges;
  }

  /** Why the channel for the back end's requests was closed; undefined while it is open, or where there is none. */
  get requestChannelError(): Error | undefined {
    return this.#connection.requests?.closedBy;
  }

  /** Start logging dirty pages, as QEMU does at the beginning of a migration. */
  startLogging(): void {
    const { agreement, channel, memory } = this.#connection;
    agreement.need('LOG_SHMFD', 'dirty pages cannot be logged');
    if (!agreement.hasVirtio('LOG_ALL'))
      throw new FerryError('ERR_NOT_NEGOTIATED', 'LOG_ALL was not agreed on; dirty pages cannot be logged');
    if (memory.regions.length === 0)
      throw new FerryError('ERR_NO_MEMORY', 'Dirty pages can only be logged once memory is shared');
    const log = new SharedLog(channel, memory.end);
    this.#log?.[Symbol.dispose]();
    this.#log = log;
    this.#followLog();
  }

  /** Pages of 4096 bytes that were marked dirty since this was asked last, a bit each from guest address 0 on. */
  collectDirty(): Uint8Array {
    if (this.#log === undefined) throw noLog();
    return this.#log.collect();
  }

  /** Stop logging, as at the end of a migration that was cancelled. */
  stopLogging(): void {
    this.#log?.[Symbol.dispose]();
    this.#log = undefined;
    this.#followLog();
  }

  /** Save the suspended device's state into `sink`; see `saveDeviceState`. */
  saveState(sink: (piece: Uint8Array) => void, options?: TransferOptions): number {
    this.#connection.agreement.need('DEVICE_STATE', 'its state cannot be moved');
    return saveDeviceState(this.#connection.channel, sink, options);
  }

  /** Load a state into the suspended device; see `loadDeviceState`. */
  loadState(source: Iterable<Uint8Array>, options?: TransferOptions): number {
    this.#connection.agreement.need('DEVICE_STATE', 'its state cannot be moved');
    return loadDeviceState(this.#connection.channel, source, options);
  }

  /** One round trip over the control channel: proves everything that was acknowledged before. */
  ping(): void {
    this.#connection.channel.askU64(FrontEndRequest.GET_FEATURES);
  }

  /**
   * Go on with a back end that died or hung up and is back, at a path or over a socket that is taken over: the same
   * features, memory, log and inflight region, each ring where the device had finished. Rings that ran are started.
   * Requests that the back end had taken are found again through the inflight region; without one it takes up what lies
   * behind its last answer. Throws `ERR_FEATURES_LOST` where it came back with less, and may be called again after any failure.
   */
  reconnect(to: string | Fd): void {
    const before = this.#connection;
    const socket = typeof to === 'string' ? connectUnix(to) : to;
    before[Symbol.dispose]();
    this.#connection = this.#connectionOver(socket);
    try {
      this.#carryOver(before);
    } catch (error) {
      this.#connection[Symbol.dispose]();
      this.#connection = before;
      throw error;
    }
    this.#configChanges += before.configChanges;
    this.#rings.lose();
    if (this.#rings.running) this.start();
  }

  [Symbol.dispose](): void {
    this.#rings[Symbol.dispose]();
    this.#log?.[Symbol.dispose]();
    this.#connection[Symbol.dispose]();
  }

  #connectionOver(socket: Fd): Connection {
    return new Connection(socket, this.#options.order ?? 'qemu', this.#options.deadline ?? 5_000);
  }

  /** Agree with the new connection on what was agreed on over the one before, and share the same things. */
  #carryOver({ agreement, memory }: Connection): void {
    const { features, protocolFeatures } = agreement;
    this.#connection.open({ features, protocolFeatures });
    this.#connection.agreement.refuseLoss(agreement);
    if (memory.regions.length > 0) this.#connection.memory.add(memory.regions);
    if (this.#inflight !== undefined) this.setInflight(this.#inflight);
    if (this.#log !== undefined)
      this.#log = this.#log.renewed(this.#connection.channel, this.#connection.memory.end);
  }

  #giveInflight(region: InflightRegion): void {
    setInflight(this.#connection.channel, region);
    this.#inflight = region;
  }

  #sendFeatures(): void {
    const { agreement, step } = this.#connection;
    const logging = this.#log === undefined ? 0n : VirtioFeature.LOG_ALL;
    step.setFeatures((agreement.features & ~VirtioFeature.LOG_ALL) | (agreement.features & logging));
  }

  /** Tell the back end that logging begins or ends, rings that run included. */
  #followLog(): void {
    this.#sendFeatures();
    this.#rings.followLog(this.#connection, this.#log !== undefined);
  }
}
