/** A front end that sends any bytes with any descriptors, and reads replies without knowing what was asked. */
import assert from 'node:assert/strict';
import { SystemError } from '../../src/errors.ts';
import {
  closeAll,
  connectUnix,
  Errno,
  type Fd,
  Poll,
  PollSet,
  receiveMessage,
  sendMessage,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';
import { ints, joined } from '../support/vhost-user-rig.ts';

const DEADLINE = 10_000;
export const HEADER = 12;
export const NEED_REPLY = 9;

export interface Reply {
  readonly id: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** The bytes of a request. */
export function message(
  id: number,
  payload: Uint8Array = new Uint8Array(0),
  flags = NEED_REPLY,
  size = payload.length,
): Uint8Array {
  return joined(ints(id, flags, size), payload);
}

export class Connection implements Disposable {
  readonly socket: Fd;
  readonly #poll = new PollSet(1);
  readonly #into = new Uint8Array(65_536);
  #waiting: Uint8Array = new Uint8Array(0);
  /** Descriptors that came with replies, closed by whoever takes them out. */
  readonly fds: Fd[] = [];

  constructor(path: string) {
    this.socket = connectUnix(path);
    this.#poll.set(0, this.socket.number, Poll.in);
  }

  /** Send bytes as they are; false where the other end has hung up. */
  send(bytes: Uint8Array, fds: readonly number[] = []): boolean {
    try {
      assert.equal(sendMessage(this.socket, bytes, fds), bytes.length);
      return true;
    } catch (error) {
      if (error instanceof SystemError && isGone(error)) return false;
      throw error;
    }
  }

  /** The next reply; undefined where the other end has hung up instead. */
  reply(): Reply | undefined {
    while (this.#whole() === undefined) if (!this.#receive()) return undefined;
    const end = this.#whole()!;
    const view = new DataView(this.#waiting.buffer, this.#waiting.byteOffset);
    const reply = {
      id: view.getUint32(0, true),
      flags: view.getUint32(4, true),
      payload: this.#waiting.slice(HEADER, end),
    };
    this.#waiting = this.#waiting.subarray(end);
    return reply;
  }

  /** Send a request with NEED_REPLY, and return the u64 that answers it. */
  ask(id: number, payload?: Uint8Array, fds: readonly number[] = []): bigint {
    this.send(message(id, payload), fds);
    const reply = this.reply();
    assert.equal(reply?.id, id, 'another reply, or none');
    assert.equal(reply.flags, 5);
    assert.equal(reply.payload.length, 8, `request ${id} was answered with ${reply.payload.length} bytes`);
    return new DataView(reply.payload.buffer).getBigUint64(0, true);
  }

  [Symbol.dispose](): void {
    closeAll(this.fds);
    this.#poll[Symbol.dispose]();
    this.socket[Symbol.dispose]();
  }

  /** Where the first reply ends, if all of it is here. */
  #whole(): number | undefined {
    const { length, buffer, byteOffset } = this.#waiting;
    if (length < HEADER) return undefined;
    const end = HEADER + new DataView(buffer, byteOffset).getUint32(8, true);
    return length < end ? undefined : end;
  }

  #receive(): boolean {
    const end = performance.now() + DEADLINE;
    for (;;) {
      // A signal may end a wait early
      this.#poll.wait(DEADLINE);
      assert.ok(performance.now() < end, 'no answer came');
      try {
        const count = receiveMessage(this.socket, this.#into, this.fds, { dontWait: true });
        if (count === WOULD_BLOCK) continue;
        this.#waiting = joined(this.#waiting, this.#into.subarray(0, count));
        return count > 0;
      } catch (error) {
        if (error instanceof SystemError && isGone(error)) return false;
        throw error;
      }
    }
  }
}

/** The other end has closed, with or without having read everything. */
function isGone({ errno }: SystemError): boolean {
  return errno === Errno.ECONNRESET || errno === Errno.EPIPE;
}
