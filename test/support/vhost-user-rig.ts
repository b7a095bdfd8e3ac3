import { FerryError } from '../../src/errors.ts';
import {
  closeAll,
  createEventfd,
  createMemfd,
  createSocketPair,
  type Fd,
  receiveMessage,
  Seal,
  sendMessage,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';
import {
  type BackEnd,
  BackEndSession,
  type Profile,
  ProtocolFeature,
  type Ring,
  SERVED_PROTOCOL_FEATURES,
  type Session,
} from '../../src/vhost-user/index.ts';
import type { VirtqueueKind } from '../../src/virtio/index.ts';

/** Virtio 26, 28, 29, 30 and 32. */
export const FEATURES = 0x1_7400_0000n;
export const PACKED = 1n << 34n;
/** What a front end accepts that uses addresses of its own. */
export const NEGOTIATED = SERVED_PROTOCOL_FEATURES & ~ProtocolFeature.GPA_ADDRESSES;
export const LOG_ALL = 1n << 26n;
export const NEED_REPLY = 9;

/** A back end that writes down what it is asked, and refuses whatever `refuse` names. */
export class FakeBackEnd implements BackEnd {
  profile: Profile = {
    features: FEATURES | PACKED,
    protocolFeatures: SERVED_PROTOCOL_FEATURES,
    queues: 3,
    maxQueueSize: 256,
    memorySlots: 509,
  };
  readonly calls: string[] = [];
  readonly refuse = new Set<string>();
  readonly config = Uint8Array.from({ length: 60 }, (_, i) => i + 1);
  /** What `beginTransfer` was given; closed by whoever takes it out. */
  channel: Fd | undefined;
  /** What `beginTransfer` answers with. */
  own: Fd | undefined;
  /** Runs within every call. */
  during: ((call: string, ring?: Ring) => void) | undefined;

  claim(_session: Session): void {
    this.#note('claim');
  }

  setFeatures(_session: Session, features: bigint): void {
    this.#note(`setFeatures 0x${features.toString(16)}`);
  }

  goOnAt(_session: Session, _index: number, _kind: VirtqueueKind, base: number): number {
    return base;
  }

  startRing(_session: Session, ring: Ring): void {
    this.#note(`startRing ${ring.index}`, ring);
  }

  stopRing(_session: Session, ring: Ring): void {
    this.#note(`stopRing ${ring.index}`, ring);
  }

  enableRing(_session: Session, ring: Ring, enabled: boolean): void {
    this.#note(`enableRing ${ring.index} ${enabled}`, ring);
  }

  releaseMemory(_session: Session): void {
    this.#note('releaseMemory');
  }

  memoryChanged(_session: Session): void {
    this.#note('memoryChanged');
  }

  reset(_session: Session): void {
    this.#note('reset');
  }

  readConfig(offset: number, length: number): Uint8Array {
    this.#note(`readConfig ${offset} ${length}`);
    return this.config.subarray(offset, offset + length);
  }

  writeConfig(offset: number, bytes: Uint8Array): void {
    this.#note(`writeConfig ${offset} ${bytes.join(',')}`);
  }

  beginTransfer(_session: Session, direction: 'save' | 'load', channel: Fd): Fd | undefined {
    this.#note(`beginTransfer ${direction}`);
    if (this.own === undefined) this.channel = channel;
    return this.own;
  }

  checkTransfer(_session: Session): void {
    this.#note('checkTransfer');
  }

  disconnected(_session: Session): void {
    this.#note('disconnected');
    this.channel?.[Symbol.dispose]();
  }

  #note(call: string, ring?: Ring): void {
    this.calls.push(call);
    this.during?.(call, ring);
    if (this.refuse.has(call.split(' ')[0]!))
      throw new FerryError('ERR_FAKE', `${call} is refused by the test`);
  }
}

/** A reply as it came over the wire. */
export interface RawReply {
  readonly id: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly fds: Fd[];
}

export interface SendOptions {
  readonly flags?: number;
  readonly fds?: readonly number[];
  /** The size that the header announces, where it is not the true one. */
  readonly size?: number;
}

/** A session with a fake back end, driven by hand over a socket pair: no helper of the project encodes anything here. */
export class SessionRig implements Disposable {
  readonly backEnd: FakeBackEnd;
  readonly session: BackEndSession;
  readonly socket: Fd;
  readonly refusals: string[] = [];
  readonly warnings: string[] = [];

  constructor(backEnd = new FakeBackEnd()) {
    const [ours, theirs] = createSocketPair('rig');
    this.backEnd = backEnd;
    this.socket = ours;
    this.session = new BackEndSession(theirs, backEnd, {
      refused: (request, error) => this.refusals.push(`${request} ${error.code}`),
      warn: (message) => this.warnings.push(message),
    });
  }

  /** Send a request and let the session see it. */
  send(id: number, payload: Uint8Array = new Uint8Array(0), options: SendOptions = {}): void {
    const { flags = 1, fds = [], size = payload.length } = options;
    const message = new Uint8Array(12 + payload.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, id, true);
    view.setUint32(4, flags, true);
    view.setUint32(8, size, true);
    message.set(payload, 12);
    sendMessage(this.socket, message, fds);
    this.session.onReady();
  }

  /** What has come back; undefined where nothing has. Throws once the session has hung up. */
  receive(): RawReply | undefined {
    const bytes = new Uint8Array(8192);
    const fds: Fd[] = [];
    const count = receiveMessage(this.socket, bytes.subarray(0, 12), fds, { dontWait: true });
    if (count === WOULD_BLOCK) return undefined;
    if (count !== 12) throw new Error(`${count} bytes of a reply's header`);
    const view = new DataView(bytes.buffer);
    const size = view.getUint32(8, true);
    const payload = size === 0 ? new Uint8Array(0) : bytes.slice(12, 12 + size);
    if (size > 0 && receiveMessage(this.socket, payload, fds, { dontWait: true }) !== size)
      throw new Error('A reply without its payload');
    return { id: view.getUint32(0, true), flags: view.getUint32(4, true), payload, fds };
  }

  /** Send a request and return the u64 that answers it; undefined where nothing or something else answers. */
  ask(id: number, payload?: Uint8Array, options?: SendOptions): bigint | undefined {
    this.send(id, payload, options);
    const reply = this.receive();
    if (reply === undefined) return undefined;
    closeAll(reply.fds);
    if (reply.id !== id || reply.flags !== 5)
      throw new Error(`Reply ${reply.id} with flags ${reply.flags} to ${id}`);
    return reply.payload.length === 8 ? new DataView(reply.payload.buffer).getBigUint64(0, true) : undefined;
  }

  /** `ask` with NEED_REPLY. */
  tell(id: number, payload?: Uint8Array, fds: readonly number[] = []): bigint | undefined {
    return this.ask(id, payload, { flags: NEED_REPLY, fds });
  }

  /** Agree on what is usual, without asking first. */
  negotiate(features = FEATURES & ~LOG_ALL, protocolFeatures = NEGOTIATED): void {
    this.send(16, u64(protocolFeatures));
    if (this.tell(2, u64(features)) !== 0n) throw new Error('SET_FEATURES was refused');
  }

  /** Whether the session serves on. */
  alive(): boolean {
    return !this.session.closed && this.ask(1) === this.backEnd.profile.features;
  }

  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
    this.socket[Symbol.dispose]();
  }
}

export function u64(value: bigint | number): Uint8Array {
  return words(value);
}

/** Numbers and bigints as consecutive little-endian u64. */
export function words(...values: (bigint | number)[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer);
}

/** Numbers as consecutive little-endian u32. */
export function ints(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}

/** Bytes one after the other. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A single memory region's message: padding, guest address, size, user address, file offset. */
export function regionBytes(
  guest: number | bigint,
  size: number | bigint,
  user = guest,
  offset: number | bigint = 0,
) {
  return words(0, guest, size, user, offset);
}

/** SET_VRING_ADDR: ring, flags, descriptors, used, available, log. */
export function addressBytes(ring: number, base: number, size: number, flags = 0, log = 0): Uint8Array {
  const available = base + 16 * size;
  const used = Math.ceil((available + 6 + 2 * size) / 4) * 4;
  return joined(ints(ring, flags), words(base, used, available, log));
}

/** Where a rig's memory lies for the front end. */
export const USER = 0x7f00_0000_0000;
export const RAM_SIZE = 0x40000;

/** Memory, descriptors and rings of a front end that does everything right. */
export class RigRam implements Disposable {
  readonly memory = sealedMemfd('ram', RAM_SIZE);
  readonly kick = createEventfd('kick');
  readonly call = createEventfd('call');

  /** Guest address 0, user address `USER`. */
  give(rig: SessionRig): bigint | undefined {
    return rig.tell(37, regionBytes(0, RAM_SIZE, USER), [this.memory.number]);
  }

  /** Set `ring` up, of 8 entries at `0x1000 * (ring + 1)`, and start it. */
  start(rig: SessionRig, ring = 0, base = 0): void {
    const answers = [
      rig.tell(8, ints(ring, 8)),
      rig.tell(10, ints(ring, base)),
      rig.tell(9, addressBytes(ring, USER + 0x1000 * (ring + 1), 8)),
      rig.tell(13, u64(ring), [this.call.number]),
      rig.tell(12, u64(ring), [this.kick.number]),
    ];
    if (answers.some((answer) => answer !== 0n)) throw new Error(`Ring ${ring} did not start: ${answers}`);
  }

  [Symbol.dispose](): void {
    for (const fd of [this.memory, this.kick, this.call]) fd[Symbol.dispose]();
  }
}

export function sealedMemfd(name: string, size: number): Fd {
  const fd = createMemfd(name, size);
  fd.addSeals(Seal.shrink);
  return fd;
}

/** A negotiated session with memory, `rings` running. */
export function startedRig(...rings: number[]) {
  const rig = new SessionRig();
  const ram = new RigRam();
  rig.negotiate();
  if (ram.give(rig) !== 0n) throw new Error('Memory was refused');
  for (const ring of rings) ram.start(rig, ring);
  return {
    rig,
    ram,
    [Symbol.dispose]: () => {
      rig[Symbol.dispose]();
      ram[Symbol.dispose]();
    },
  };
}
