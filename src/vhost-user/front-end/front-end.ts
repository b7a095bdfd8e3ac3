import { FerryError } from '../../errors.ts';
import {
  closeAll,
  connectUnix,
  createEventfd,
  createMemfd,
  createSocketPair,
  drainEventfd,
  type Fd,
  type Mapping,
  mapShared,
  Poll,
  PollSet,
  pageRound,
  signalEventfd,
} from '../../sys/index.ts';
import type { DriverQueue } from '../../virtio/index.ts';
import { FrontEndRequest, ProtocolFeature, VirtioFeature, VRING_LOG } from '../constants.ts';
import {
  logPayload,
  memRegion,
  memTableHead,
  singleRegion,
  u64Payload,
  vringAddr,
  vringState,
} from '../payloads.ts';
import { Channel } from './channel.ts';
import { loadDeviceState, saveDeviceState, type TransferOptions } from './device-state.ts';
import type { GuestRam } from './ram.ts';

const LOG_PAGE = 4096;
const BITS_PER_BYTE = 8;

/** What a front end asks for; what it gets is the part of it that the back end offers. */
export interface FrontEndOptions {
  /** Virtio feature bits to accept; by default those of the transport. */
  readonly features?: bigint;
  readonly protocolFeatures?: bigint;
  /** Longest wait for an answer, in milliseconds. */
  readonly deadline?: number;
}

interface DriverRing {
  readonly queue: DriverQueue;
  readonly kick: Fd;
  readonly call: Fd;
  base: number;
}

const TRANSPORT =
  VirtioFeature.LOG_ALL |
  VirtioFeature.INDIRECT_DESC |
  VirtioFeature.EVENT_IDX |
  VirtioFeature.PROTOCOL_FEATURES |
  VirtioFeature.VERSION_1;

const PROTOCOL =
  ProtocolFeature.MQ |
  ProtocolFeature.LOG_SHMFD |
  ProtocolFeature.REPLY_ACK |
  ProtocolFeature.BACKEND_REQ |
  ProtocolFeature.BACKEND_SEND_FD |
  ProtocolFeature.RESET_DEVICE |
  ProtocolFeature.CONFIGURE_MEM_SLOTS |
  ProtocolFeature.DEVICE_STATE;

/**
 * A VMM's side of vhost-user for one device, in place of QEMU: it negotiates, shares memory, starts and stops rings,
 * logs dirty pages and moves device state, in the order in which QEMU does it. It blocks the calling thread, each
 * wait with a deadline. Rings, memory and their contents outlive it, so that another back end can carry on with them.
 */
export class FrontEnd implements Disposable {
  readonly #channel: Channel;
  readonly #rings: DriverRing[] = [];
  readonly #poll = new PollSet(1);
  readonly #wanted: { features: bigint; protocolFeatures: bigint };
  #ram: GuestRam | undefined;
  #log: Mapping | undefined;
  #requests: Fd | undefined;
  #started = false;
  /** Virtio features that both sides have. */
  features = 0n;
  /** Protocol features that both sides have. */
  protocolFeatures = 0n;
  /** Queues that the back end says it has, where it can say so. */
  maxQueues: number | undefined;
  /** Memory regions that the back end takes, where it can say so. */
  memorySlots: number | undefined;

  /** Talk to the back end at the other end of `socket`, which is taken over. */
  constructor(socket: Fd, options: FrontEndOptions = {}) {
    this.#channel = new Channel(socket, options.deadline ?? 5_000);
    this.#wanted = {
      features: options.features ?? TRANSPORT,
      protocolFeatures: options.protocolFeatures ?? PROTOCOL,
    };
  }

  /** Connect to the back end that listens at `path`, and negotiate. */
  static connect(path: string, options: FrontEndOptions = {}): FrontEnd {
    const frontEnd = new FrontEnd(connectUnix(path), options);
    try {
      frontEnd.negotiate();
      return frontEnd;
    } catch (error) {
      frontEnd[Symbol.dispose]();
      throw error;
    }
  }

  /** The opening of a session: features, protocol features, back-end channel, owner; then a reset, as at power-on. */
  negotiate(): void {
    const channel = this.#channel;
    this.features = channel.askU64(FrontEndRequest.GET_FEATURES) & this.#wanted.features;
    if ((this.features & VirtioFeature.PROTOCOL_FEATURES) !== 0n) {
      const offered = channel.askU64(FrontEndRequest.GET_PROTOCOL_FEATURES);
      this.protocolFeatures = offered & this.#wanted.protocolFeatures;
      channel.tell(FrontEndRequest.SET_PROTOCOL_FEATURES, u64(this.protocolFeatures));
      channel.acknowledges = this.#has(ProtocolFeature.REPLY_ACK);
      if (this.#has(ProtocolFeature.MQ))
        this.maxQueues = Number(channel.askU64(FrontEndRequest.GET_QUEUE_NUM));
      if (this.#has(ProtocolFeature.CONFIGURE_MEM_SLOTS))
        this.memorySlots = Number(channel.askU64(FrontEndRequest.GET_MAX_MEM_SLOTS));
      if (this.#has(ProtocolFeature.BACKEND_REQ)) this.#openRequestChannel();
    }
    channel.tellOnly(FrontEndRequest.SET_OWNER);
    this.reset();
  }

  /** RESET_DEVICE, where the back end knows it: the device is as if its driver had never been there. */
  reset(): void {
    if (this.#has(ProtocolFeature.RESET_DEVICE)) this.#channel.tellOnly(FrontEndRequest.RESET_DEVICE);
  }

  /** Share `ram`, which stays the caller's, as the guest's only memory. */
  shareMemory(ram: GuestRam): void {
    const { guestAddress, size, userAddress } = ram;
    const place = { guestAddress, size, userAddress, fileOffset: 0 };
    if (this.#has(ProtocolFeature.CONFIGURE_MEM_SLOTS))
      this.#channel.tell(FrontEndRequest.ADD_MEM_REG, singleRegion.encode(place), [ram.fd]);
    else {
      const payload = new Uint8Array(memTableHead.size + memRegion.size);
      memTableHead.encodeInto({ count: 1 }, payload);
      memRegion.encodeInto(place, payload, memTableHead.size);
      this.#channel.tell(FrontEndRequest.SET_MEM_TABLE, payload, [ram.fd]);
    }
    this.#ram = ram;
  }

  /** Give the next ring its queue; `base` is the next available index, 0 for a fresh queue. Returns its index. */
  addRing(queue: DriverQueue, base = 0): number {
    const index = this.#rings.length;
    this.#rings.push({
      queue,
      kick: createEventfd(`kick of ring ${index}`),
      call: createEventfd(`call of ring ${index}`),
      base,
    });
    return index;
  }

  /** Start every ring, with dirty logging when that is on. */
  start(): void {
    const ram = this.#ram;
    if (ram === undefined)
      throw new FerryError('ERR_NO_MEMORY', 'Rings can only be started once memory is shared');
    this.#sendFeatures();
    for (const [index, ring] of this.#rings.entries()) {
      const { queue, base } = ring;
      this.#channel.tellOnly(FrontEndRequest.SET_VRING_NUM, vringState.encode({ index, num: queue.size }));
      this.#channel.tellOnly(FrontEndRequest.SET_VRING_BASE, vringState.encode({ index, num: base }));
      this.#sendAddresses(index);
      this.#channel.tell(FrontEndRequest.SET_VRING_CALL, u64(BigInt(index)), [ring.call]);
      this.#channel.tell(FrontEndRequest.SET_VRING_KICK, u64(BigInt(index)), [ring.kick]);
      signalEventfd(ring.kick.number);
    }
    this.#enable(1);
    this.#started = true;
  }

  /** Stop every ring. Afterwards the device is suspended: its state can be saved or loaded, or the rings restarted. */
  stop(): void {
    this.#enable(0);
    for (const [index, ring] of this.#rings.entries()) {
      const payload = vringState.encode({ index, num: 0 });
      const reply = this.#channel.ask(FrontEndRequest.GET_VRING_BASE, payload);
      closeAll(reply.fds);
      ring.base = vringState.decode(reply.payload).num;
      drainEventfd(ring.kick.number);
    }
    this.#started = false;
  }

  /** The index that the device will look at next in ring `index`, as `stop` learned it. */
  base(index: number): number {
    return this.#rings[index]!.base;
  }

  /** Tell the device that ring `index` has something new. */
  kick(index: number): void {
    signalEventfd(this.#rings[index]!.kick.number);
  }

  /** Sleep until the device calls for ring `index`, at most `milliseconds`. Returns whether it did. */
  waitForCall(index: number, milliseconds: number): boolean {
    const { call } = this.#rings[index]!;
    this.#poll.set(0, call.number, Poll.in);
    return this.#poll.wait(milliseconds) > 0 && drainEventfd(call.number);
  }

  /** Start logging dirty pages, as QEMU does at the beginning of a migration. */
  startLogging(): void {
    const ram = this.#ram;
    if (ram === undefined)
      throw new FerryError('ERR_NO_MEMORY', 'Dirty pages can only be logged once memory is shared');
    const size = pageRound(Math.ceil((ram.guestAddress + ram.size) / LOG_PAGE / BITS_PER_BYTE));
    using fd = createMemfd('dirty log', size);
    this.#log?.[Symbol.dispose]();
    this.#log = mapShared(fd, 0, size);
    const reply = this.#channel.ask(FrontEndRequest.SET_LOG_BASE, logPayload.encode({ size, offset: 0 }), [
      fd,
    ]);
    closeAll(reply.fds);
    this.#sendFeatures();
    if (this.#started) for (const index of this.#rings.keys()) this.#sendAddresses(index);
  }

  /** Pages of 4096 bytes that were marked dirty since this was asked last, a bit each from guest address 0 on. */
  collectDirty(): Uint8Array {
    if (this.#log === undefined)
      throw new FerryError('ERR_NO_LOG', 'Dirty pages can only be collected while they are logged');
    const words = new Uint32Array(this.#log.buffer, 0, this.#log.length >> 2);
    const dirty = Uint32Array.from(words, (_, i) => Atomics.exchange(words, i, 0));
    return new Uint8Array(dirty.buffer);
  }

  /** Stop logging, as at the end of a migration that was cancelled. */
  stopLogging(): void {
    this.#log?.[Symbol.dispose]();
    this.#log = undefined;
    this.#sendFeatures();
    if (this.#started) for (const index of this.#rings.keys()) this.#sendAddresses(index);
  }

  /** Save the suspended device's state into `sink`; see `saveDeviceState`. */
  saveState(sink: (piece: Uint8Array) => void, options?: TransferOptions): number {
    this.#need(ProtocolFeature.DEVICE_STATE, 'DEVICE_STATE');
    return saveDeviceState(this.#channel, sink, options);
  }

  /** Load a state into the suspended device; see `loadDeviceState`. */
  loadState(source: Iterable<Uint8Array>, options?: TransferOptions): number {
    this.#need(ProtocolFeature.DEVICE_STATE, 'DEVICE_STATE');
    return loadDeviceState(this.#channel, source, options);
  }

  /** One round trip over the control channel. */
  ping(): void {
    this.#channel.askU64(FrontEndRequest.GET_FEATURES);
  }

  [Symbol.dispose](): void {
    for (const ring of this.#rings) {
      ring.kick[Symbol.dispose]();
      ring.call[Symbol.dispose]();
    }
    this.#rings.length = 0;
    this.#log?.[Symbol.dispose]();
    this.#requests?.[Symbol.dispose]();
    this.#poll[Symbol.dispose]();
    this.#channel[Symbol.dispose]();
  }

  #has(feature: bigint): boolean {
    return (this.protocolFeatures & feature) !== 0n;
  }

  #need(feature: bigint, name: string): void {
    if (!this.#has(feature))
      throw new FerryError(
        'ERR_NOT_NEGOTIATED',
        `The back end does not offer ${name}; its state cannot be moved`,
      );
  }

  #openRequestChannel(): void {
    const [ours, theirs] = createSocketPair('back-end requests');
    using _theirs = theirs;
    this.#requests = ours;
    this.#channel.tell(FrontEndRequest.SET_BACKEND_REQ_FD, new Uint8Array(0), [theirs]);
  }

  #sendFeatures(): void {
    const logging = this.#log === undefined ? 0n : VirtioFeature.LOG_ALL;
    const features = (this.features & ~VirtioFeature.LOG_ALL) | (this.features & logging);
    this.#channel.tell(FrontEndRequest.SET_FEATURES, u64(features));
  }

  #sendAddresses(index: number): void {
    const ram = this.#ram!;
    const { addresses } = this.#rings[index]!.queue;
    const user = ram.userAddress - ram.guestAddress;
    const payload = vringAddr.encode({
      index,
      flags: this.#log === undefined ? 0 : VRING_LOG,
      descriptors: addresses.descriptors + user,
      used: addresses.used + user,
      available: addresses.available + user,
      log: addresses.used,
    });
    this.#channel.tell(FrontEndRequest.SET_VRING_ADDR, payload);
  }

  #enable(num: 0 | 1): void {
    if ((this.features & VirtioFeature.PROTOCOL_FEATURES) === 0n) return;
    for (const index of this.#rings.keys())
      this.#channel.tell(FrontEndRequest.SET_VRING_ENABLE, vringState.encode({ index, num }));
  }
}

function u64(value: bigint): Uint8Array {
  return u64Payload.encode({ value });
}
