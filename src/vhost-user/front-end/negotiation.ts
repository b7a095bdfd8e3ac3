import { createSocketPair, type Fd } from '../../sys/index.ts';
import { FrontEndRequest as Id, ProtocolFeature, VirtioFeature } from '../constants.ts';
import { MAX_COUNT } from '../limits.ts';
import { u64Payload } from '../payloads.ts';
import type { Agreement } from './agreement.ts';
import type { Channel } from './channel.ts';
import { badReply } from './errors.ts';

/** Whose order of messages a negotiation follows. */
export type NegotiationOrder = 'qemu' | 'libblkio';

/** What a front end asks for; what it gets is the part of it that the back end offers. */
export interface Wanted {
  readonly features: bigint;
  readonly protocolFeatures: bigint;
}

/** The features of the virtio transport that a front end asks for by itself. */
export const TRANSPORT_FEATURES =
  VirtioFeature.LOG_ALL |
  VirtioFeature.INDIRECT_DESC |
  VirtioFeature.EVENT_IDX |
  VirtioFeature.PROTOCOL_FEATURES |
  VirtioFeature.VERSION_1;

/** Every protocol feature that a front end serves. */
export const FRONT_END_PROTOCOL_FEATURES =
  ProtocolFeature.MQ |
  ProtocolFeature.LOG_SHMFD |
  ProtocolFeature.REPLY_ACK |
  ProtocolFeature.BACKEND_REQ |
  ProtocolFeature.CONFIG |
  ProtocolFeature.BACKEND_SEND_FD |
  ProtocolFeature.INFLIGHT_SHMFD |
  ProtocolFeature.RESET_DEVICE |
  ProtocolFeature.CONFIGURE_MEM_SLOTS |
  ProtocolFeature.STATUS |
  ProtocolFeature.DEVICE_STATE |
  ProtocolFeature.GET_VRING_BASE_INFLIGHT |
  ProtocolFeature.GPA_ADDRESSES;

/** The single messages of a session's opening, to be sent in whichever order a front end has. */
export class Negotiation {
  readonly #channel: Channel;
  readonly #agreement: Agreement;

  constructor(channel: Channel, agreement: Agreement) {
    this.#channel = channel;
    this.#agreement = agreement;
  }

  /** GET_FEATURES: what is offered, of which `wanted` is agreed on. */
  askFeatures(wanted: bigint): bigint {
    const features = this.#channel.askU64(Id.GET_FEATURES);
    this.#agreement.offered = { ...this.#agreement.offered, features };
    this.#agreement.features = features & wanted;
    return features;
  }

  /** GET_PROTOCOL_FEATURES, which only a back end that offers PROTOCOL_FEATURES knows. */
  askProtocolFeatures(): bigint {
    const protocolFeatures = this.#channel.askU64(Id.GET_PROTOCOL_FEATURES);
    this.#agreement.offered = { ...this.#agreement.offered, protocolFeatures };
    return protocolFeatures;
  }

  /** SET_PROTOCOL_FEATURES to the part of `wanted` that is offered. */
  acceptProtocolFeatures(wanted: bigint): void {
    const agreed = this.#agreement.offered.protocolFeatures & wanted;
    this.#channel.tell(Id.SET_PROTOCOL_FEATURES, u64Payload.encode({ value: agreed }));
    this.#agreement.protocolFeatures = agreed;
    this.#channel.acknowledges = this.#agreement.has('REPLY_ACK');
  }

  /** GET_QUEUE_NUM */
  askQueues(): number {
    const queues = this.#count(Id.GET_QUEUE_NUM, 'number of queues');
    this.#agreement.offered = { ...this.#agreement.offered, queues };
    return queues;
  }

  /** GET_MAX_MEM_SLOTS */
  askMemorySlots(): number {
    const memorySlots = this.#count(Id.GET_MAX_MEM_SLOTS, 'number of memory slots');
    this.#agreement.offered = { ...this.#agreement.offered, memorySlots };
    return memorySlots;
  }

  /** SET_BACKEND_REQ_FD: returns our end of the channel for the back end's own requests. */
  giveRequestChannel(): Fd {
    const [ours, theirs] = createSocketPair('back-end requests');
    using _theirs = theirs;
    try {
      this.#channel.tell(Id.SET_BACKEND_REQ_FD, new Uint8Array(0), [theirs]);
      return ours;
    } catch (error) {
      ours[Symbol.dispose]();
      throw error;
    }
  }

  /** SET_OWNER: the session begins. */
  own(): void {
    this.#channel.tellOnly(Id.SET_OWNER);
  }

  /** SET_FEATURES */
  setFeatures(features: bigint): void {
    this.#channel.tell(Id.SET_FEATURES, u64Payload.encode({ value: features }));
  }

  /** What follows on the protocol features: counts, and the channel for the back end's requests. */
  askCounts(): void {
    if (this.#agreement.has('MQ')) this.askQueues();
    if (this.#agreement.has('CONFIGURE_MEM_SLOTS')) this.askMemorySlots();
  }

  #count(request: number, what: string): number {
    const count = this.#channel.askU64(request);
    if (count > BigInt(MAX_COUNT)) throw badReply(what, `${count}, at most ${MAX_COUNT} can be meant`);
    return Number(count);
  }
}

/**
 * The opening of a session in QEMU's order: features, protocol features, counts, request channel, owner. Returns our end
 * of the request channel, where there is one.
 */
export function negotiateAsQemu(step: Negotiation, agreement: Agreement, wanted: Wanted): Fd | undefined {
  let requests: Fd | undefined;
  step.askFeatures(wanted.features);
  try {
    if (agreement.hasVirtio('PROTOCOL_FEATURES')) {
      step.askProtocolFeatures();
      step.acceptProtocolFeatures(wanted.protocolFeatures);
      step.askCounts();
      if (agreement.has('BACKEND_REQ')) requests = step.giveRequestChannel();
    }
    step.own();
    return requests;
  } catch (error) {
    requests?.[Symbol.dispose]();
    throw error;
  }
}

/**
 * The opening of a session in libblkio's order: owner, features at once and before the protocol features, counts. It
 * gives no request channel.
 */
export function negotiateAsLibblkio(step: Negotiation, agreement: Agreement, wanted: Wanted): undefined {
  step.own();
  step.askFeatures(wanted.features & ~VirtioFeature.LOG_ALL);
  step.setFeatures(agreement.features);
  if (!agreement.hasVirtio('PROTOCOL_FEATURES')) return;
  step.askProtocolFeatures();
  step.acceptProtocolFeatures(wanted.protocolFeatures & ~ProtocolFeature.BACKEND_REQ);
  step.askCounts();
}
