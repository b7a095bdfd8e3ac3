import { FerryError } from '../../errors.ts';
import { closeAll, createEventfd, drainEventfd, type Fd, signalEventfd } from '../../sys/index.ts';
import type { DriverQueue } from '../../virtio/index.ts';
import { FrontEndRequest as Id, requestName, VRING_LOG } from '../constants.ts';
import { u64Payload, vringAddr, vringState } from '../payloads.ts';
import type { Agreement } from './agreement.ts';
import type { Channel } from './channel.ts';
import { badReply } from './errors.ts';
import type { MemoryTable } from './memory.ts';

/**
 * One ring as a back end is to serve it: the driver's queue and the eventfds. Everything is sent again at each start,
 * because back ends give up kick and call descriptors at GET_VRING_BASE.
 */
export class FrontEndRing implements Disposable {
  readonly index: number;
  readonly queue: DriverQueue;
  readonly kick: Fd;
  readonly call: Fd;
  /** Signalled by a back end that found the ring broken. */
  readonly error: Fd;
  /** Where the device is to begin: what GET_VRING_BASE said last. */
  base: number;
  started = false;

  constructor(index: number, queue: DriverQueue, base = queue.base) {
    this.index = index;
    this.queue = queue;
    this.base = base;
    using stack = new DisposableStack();
    this.kick = stack.use(createEventfd(`kick of ring ${index}`));
    this.call = stack.use(createEventfd(`call of ring ${index}`));
    this.error = stack.use(createEventfd(`error of ring ${index}`));
    stack.move();
  }

  [Symbol.dispose](): void {
    for (const fd of [this.kick, this.call, this.error]) fd[Symbol.dispose]();
  }
}

/** The messages about rings. */
export class RingMessages {
  readonly #channel: Channel;
  readonly #agreement: Agreement;
  readonly #memory: MemoryTable;

  constructor(channel: Channel, agreement: Agreement, memory: MemoryTable) {
    this.#channel = channel;
    this.#agreement = agreement;
    this.#memory = memory;
  }

  /** NUM, BASE, ADDR, ERR, CALL and KICK, in this order, then a kick of our own: not every back end needs one. */
  start(ring: FrontEndRing, logging: boolean): void {
    const { index, queue, base } = ring;
    this.#refuseKind(ring);
    this.#channel.tellOnly(Id.SET_VRING_NUM, vringState.encode({ index, num: queue.size }));
    this.#channel.tellOnly(Id.SET_VRING_BASE, vringState.encode({ index, num: base }));
    this.addresses(ring, logging);
    const payload = u64Payload.encode({ value: BigInt(index) });
    this.#channel.tell(Id.SET_VRING_ERR, payload, [ring.error]);
    this.#channel.tell(Id.SET_VRING_CALL, payload, [ring.call]);
    this.#channel.tell(Id.SET_VRING_KICK, payload, [ring.kick]);
    ring.started = true;
    signalEventfd(ring.kick.number);
  }

  /** GET_VRING_BASE: stops the ring and notes where it stands. */
  stop(ring: FrontEndRing): void {
    const { index } = ring;
    const reply = this.#channel.ask(Id.GET_VRING_BASE, vringState.encode({ index, num: 0 }));
    closeAll(reply.fds);
    // Whatever it says, it has stopped
    ring.started = false;
    drainEventfd(ring.kick.number);
    if (reply.payload.length !== vringState.size)
      throw badReply(
        `reply to ${requestName(Id.GET_VRING_BASE)}`,
        `${reply.payload.length} bytes of payload, expected ${vringState.size}`,
      );
    const answer = vringState.decode(reply.payload);
    if (answer.index !== index)
      throw badReply(
        `reply to ${requestName(Id.GET_VRING_BASE)}`,
        `It is about ring ${answer.index}, expected ${index}`,
      );
    ring.base = this.#believable(ring, answer.num);
  }

  /** SET_VRING_ADDR, for a ring that starts or whose writes are to be logged from now on, or no longer. */
  addresses({ index, queue }: FrontEndRing, logging: boolean): void {
    const { addresses } = queue;
    const payload = vringAddr.encode({
      index,
      flags: logging ? VRING_LOG : 0,
      descriptors: this.#memory.userAddress(addresses.descriptors),
      used: this.#memory.userAddress(addresses.used),
      available: this.#memory.userAddress(addresses.available),
      log: addresses.used,
    });
    this.#channel.tell(Id.SET_VRING_ADDR, payload);
  }

  /** SET_VRING_ENABLE, which back ends without PROTOCOL_FEATURES do not know. */
  enable({ index }: FrontEndRing, num: 0 | 1): void {
    if (this.#agreement.hasVirtio('PROTOCOL_FEATURES'))
      this.#channel.tell(Id.SET_VRING_ENABLE, vringState.encode({ index, num }));
  }

  #refuseKind({ index, queue }: FrontEndRing): void {
    const negotiated = this.#agreement.hasVirtio('RING_PACKED') ? 'packed' : 'split';
    if (queue.kind !== negotiated)
      throw new FerryError(
        'ERR_RING_KIND',
        `Ring ${index} is ${queue.kind}, but ${negotiated} rings were agreed on with the back end`,
      );
  }

  #believable({ index, queue }: FrontEndRing, base: number): number {
    const whole = queue.kind === 'packed' ? this.#withUsed(base) : base;
    if (!queue.accepts(whole))
      throw badReply(
        `reply to ${requestName(Id.GET_VRING_BASE)}`,
        `Ring ${index} cannot have stopped at 0x${base.toString(16)}: its ${queue.kind} queue stands elsewhere`,
      );
    return whole;
  }

  /** DPDK answers without the used half. It has finished all it took, so that the used position is the available one. */
  #withUsed(base: number): number {
    if (base >>> 16 !== 0 || this.#agreement.has('GET_VRING_BASE_INFLIGHT')) return base;
    return (base | (base << 16)) >>> 0;
  }
}
