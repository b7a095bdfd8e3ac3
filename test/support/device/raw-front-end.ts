import assert from 'node:assert/strict';
import { SystemError } from '../../../src/errors.ts';
import {
  closeAll,
  connectUnix,
  createPipe,
  Errno,
  type Fd,
  Poll,
  PollSet,
  receiveMessage,
  sendMessage,
  WOULD_BLOCK,
  writeFrom,
} from '../../../src/sys/index.ts';
import { FrontEndRequest, ProtocolFeature, SERVED_PROTOCOL_FEATURES } from '../../../src/vhost-user/index.ts';

const DEADLINE = 10_000;
/** What every device offers, with addresses of the front end's own. */
const PROTOCOL_FEATURES =
  SERVED_PROTOCOL_FEATURES &
  ~ProtocolFeature.CONFIG &
  ~ProtocolFeature.INFLIGHT_SHMFD &
  ~ProtocolFeature.GET_VRING_BASE_INFLIGHT &
  ~ProtocolFeature.GPA_ADDRESSES;

/** A reply as it came. */
export interface Reply {
  readonly id: number;
  readonly value: bigint;
  readonly fds: Fd[];
}

/** A front end that sends whatever a test wants, in whatever order; every wait has an end. */
export class RawFrontEnd implements Disposable {
  readonly socket: Fd;
  readonly #poll: PollSet;

  /** Connect, agree on the protocol and become the owner, as QEMU does before any driver; one that is `silent` only connects. */
  constructor(path: string, { silent = false }: { silent?: boolean } = {}) {
    this.socket = connectUnix(path);
    this.#poll = new PollSet(1);
    if (silent) return;
    this.send(FrontEndRequest.SET_PROTOCOL_FEATURES, u64(PROTOCOL_FEATURES));
    this.send(FrontEndRequest.SET_OWNER);
  }

  send(id: number, payload: Uint8Array = new Uint8Array(0), fds: readonly Fd[] = []): void {
    const message = new Uint8Array(12 + payload.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, id, true);
    view.setUint32(4, 1, true);
    view.setUint32(8, payload.length, true);
    message.set(payload, 12);
    const numbers = fds.map((fd) => fd.number);
    assert.equal(sendMessage(this.socket, message, numbers), message.length);
  }

  receive(): Reply {
    const fds: Fd[] = [];
    const head = new DataView(this.#exactly(12, fds).buffer);
    const payload = this.#exactly(head.getUint32(8, true), fds);
    const value = payload.length === 8 ? new DataView(payload.buffer).getBigUint64(0, true) : -1n;
    return { id: head.getUint32(0, true), value, fds };
  }

  /** Send a request and return the u64 that answers it. */
  ask(id: number, payload?: Uint8Array, fds?: readonly Fd[]): bigint {
    this.send(id, payload, fds);
    const reply = this.receive();
    closeAll(reply.fds);
    assert.equal(reply.id, id);
    return reply.value;
  }

  /** SET_DEVICE_STATE_FD with `channel`, which stays the caller's. */
  begin(direction: 'save' | 'load', channel: Fd): bigint {
    return this.ask(FrontEndRequest.SET_DEVICE_STATE_FD, ints(direction === 'save' ? 0 : 1, 0), [channel]);
  }

  /** Begin a transfer over a new pipe and return our end of it. */
  beginPipe(direction: 'save' | 'load'): Fd {
    const { read, write } = createPipe('raw state');
    const [ours, theirs] = direction === 'save' ? [read, write] : [write, read];
    using _theirs = theirs;
    const answer = this.begin(direction, theirs);
    if (answer !== 0x100n) ours[Symbol.dispose]();
    assert.equal(answer, 0x100n);
    return ours;
  }

  /** CHECK_DEVICE_STATE. */
  check(): bigint {
    return this.ask(FrontEndRequest.CHECK_DEVICE_STATE);
  }

  /** Whether the session serves on. */
  ping(): boolean {
    return this.ask(FrontEndRequest.GET_FEATURES) > 0n;
  }

  /** Load `bytes`, as far as the back end takes them, and return what CHECK says. */
  load(bytes: Uint8Array): bigint {
    using channel = this.beginPipe('load');
    writeAll(channel, bytes);
    channel[Symbol.dispose]();
    return this.check();
  }

  /** Whether the back end has hung up. */
  hungUp(): boolean {
    awaitReady(this.socket, Poll.in, 'the connection stays open');
    try {
      return receiveMessage(this.socket, new Uint8Array(16), [], { dontWait: true }) === 0;
    } catch (error) {
      // It hung up without having read all that was sent
      return error instanceof SystemError && error.errno === Errno.ECONNRESET;
    }
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
    this.socket[Symbol.dispose]();
  }

  #exactly(length: number, fds: Fd[]): Uint8Array {
    const bytes = new Uint8Array(length);
    const end = performance.now() + DEADLINE;
    this.#poll.set(0, this.socket.number, Poll.in);
    for (let got = 0; got < length; ) {
      this.#poll.wait(DEADLINE);
      assert.ok(performance.now() < end, 'no answer came');
      const count = receiveMessage(this.socket, bytes.subarray(got), fds, { dontWait: true });
      assert.notEqual(count, 0, 'the back end hung up instead of answering');
      if (count !== WOULD_BLOCK) got += count;
    }
    return bytes;
  }
}

/** Write all of `bytes`, waiting as a front end would; returns how many went before the other end closed. */
export function writeAll(channel: Fd, bytes: Uint8Array): number {
  channel.setNonBlocking(true);
  for (let done = 0; done < bytes.length; ) {
    awaitReady(channel, Poll.out, 'the back end neither reads nor closes the channel');
    try {
      const count = writeFrom(channel, bytes.subarray(done));
      if (count !== WOULD_BLOCK) done += count;
    } catch {
      return done;
    }
  }
  return bytes.length;
}

/** Wait until something can be read from `channel`, or it has ended. */
export function waitReadable(channel: Fd): void {
  awaitReady(channel, Poll.in, 'the channel stays silent');
}

/** Wait until the other end of `channel` is closed. */
export function waitClosed(channel: Fd): void {
  awaitReady(channel, 0, 'the channel stays open');
}

/** A signal may end a wait early: the child of an earlier test, for one, tells of its end. */
function awaitReady(fd: Fd, events: number, complaint: string): void {
  using poll = new PollSet(1);
  poll.set(0, fd.number, events);
  const end = performance.now() + DEADLINE;
  while (poll.wait(DEADLINE) === 0) assert.ok(performance.now() < end, complaint);
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}

export function ints(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}
