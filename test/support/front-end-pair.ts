import { createSocketPair, type Fd, receiveMessage, sendMessage, WOULD_BLOCK } from '../../src/sys/index.ts';
import {
  FrontEnd,
  type FrontEndOptions,
  GuestRam,
  ProtocolFeature,
  requestName,
  TRANSPORT_FEATURES,
} from '../../src/vhost-user/index.ts';
import { type DriverQueue, PackedDriverQueue, SplitDriverQueue } from '../../src/virtio/index.ts';
import { ints, joined, u64 } from './vhost-user-rig.ts';

/** A request as it came. */
export interface Asked {
  readonly name: string;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly fds: Fd[];
}

/** Only what is needed, so that each test says what it is about. */
export const PLAIN = ProtocolFeature.REPLY_ACK | ProtocolFeature.CONFIGURE_MEM_SLOTS;

/** A front end, and a far end that answers in advance. */
export class Pair implements Disposable {
  readonly frontEnd: FrontEnd;
  far: Fd;
  readonly #stack = new DisposableStack();
  readonly #offered: bigint;

  constructor(offered = PLAIN, options: FrontEndOptions = {}, features = TRANSPORT_FEATURES) {
    const [near, far] = createSocketPair('front end');
    this.far = far;
    this.#offered = offered;
    this.frontEnd = this.#stack.use(new FrontEnd(near, { deadline: 30, ...options }));
    this.answerNegotiation(features);
    this.frontEnd.negotiate();
  }

  /** Memory of 64 KiB, which has been shared. */
  share(guestAddress = 0, size = 1 << 16): GuestRam {
    const ram = this.#stack.use(new GuestRam(size, guestAddress));
    this.ack(37);
    this.frontEnd.shareMemory(ram);
    return ram;
  }

  ring(ram: GuestRam, kind: 'split' | 'packed' = 'split', base?: number): DriverQueue {
    const Queue = kind === 'packed' ? PackedDriverQueue : SplitDriverQueue;
    const queue = new Queue(ram, ram.allocate(Queue.layoutLength(8, 1)), { size: 8, perSlot: 1 });
    this.frontEnd.addRing(queue, base);
    return queue;
  }

  answerNegotiation(features = TRANSPORT_FEATURES): void {
    this.answer(1, u64(features));
    this.answer(15, u64(this.#offered));
    const has = (feature: bigint) => (this.#offered & feature) !== 0n;
    if (has(ProtocolFeature.MQ)) this.answer(17, u64(2));
    if (has(ProtocolFeature.CONFIGURE_MEM_SLOTS)) this.answer(36, u64(4));
    if (has(ProtocolFeature.BACKEND_REQ)) this.ack(21);
    if (has(ProtocolFeature.STATUS) && !has(ProtocolFeature.RESET_DEVICE)) this.ack(39);
  }

  answerStart(rings = 1): void {
    this.ack(2);
    for (let ring = 0; ring < rings; ring++) this.ack(9, 14, 13, 12);
    for (let ring = 0; ring < rings; ring++) this.ack(18);
    this.answer(1, u64(TRANSPORT_FEATURES));
  }

  ack(...requests: number[]): void {
    for (const request of requests) this.answer(request, u64(0));
  }

  answer(request: number, payload: Uint8Array, fds: readonly number[] = []): void {
    sendMessage(this.far, joined(ints(request, 5, payload.length), payload), fds);
  }

  /** What has been asked so far. */
  asked(): Asked[] {
    return askedOf(this.far, this.#stack);
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
    this.far[Symbol.dispose]();
  }
}

/** What was sent to `far`; descriptors go into `stack`. */
export function askedOf(far: Fd, stack: DisposableStack): Asked[] {
  const list: Asked[] = [];
  for (;;) {
    const head = new Uint8Array(12);
    const fds: Fd[] = [];
    if (receiveMessage(far, head, fds, { dontWait: true }) === WOULD_BLOCK) return list;
    const [id, flags, size] = new Uint32Array(head.buffer);
    const payload = new Uint8Array(size!);
    if (size! > 0) receiveMessage(far, payload, fds, { dontWait: true });
    for (const fd of fds) stack.use(fd);
    list.push({ name: requestName(id!), flags: flags!, payload, fds });
  }
}

/** Their names, in order. */
export function names(asked: readonly Asked[]): string[] {
  return asked.map(({ name }) => name);
}

/** The u64 at byte `at` of what `name` was sent with. */
export function sent(asked: readonly Asked[], name: string, at = 0): number {
  const payload = asked.find((one) => one.name === name)!.payload;
  return Number(new DataView(payload.buffer).getBigUint64(at, true));
}
