/** What a relay can do to QEMU's migration stream at a place of its own: the device's state in it, and the last word back. */
import type { Relay, Tap } from './relay.ts';

/** Changes, holds or watches the state of a device on its way, however QEMU has cut it into pieces. */
export type StateTap = (state: AsyncIterable<Buffer>, relay: Relay) => AsyncIterable<Buffer>;

/** What a tap does at its place in the stream, which does not go on before it is done. */
export type Action = (relay: Relay) => unknown;

/** The subsection of QEMU's vhost-user-fs in which the back end's state lies, up to its first piece. */
const STATE_BEGINS = Buffer.from('\x05\x15vhost-user-fs-backend\0\0\0\0', 'latin1');

/** A message of the return path that ends it: the destination has loaded everything, or has failed. */
const RETURN_PATH_SHUT = 1;

/** Has `tap` work on the state of the VM's only vhost-user-fs device; the rest of the stream passes as it is. */
export function deviceState(tap: StateTap): Tap {
  return async function* (stream, relay) {
    const bytes = new ByteQueue(stream);
    yield* bytes.through(STATE_BEGINS);
    const pieces = statePieces(bytes);
    for await (const piece of tap(pieces, relay)) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(piece.length);
      yield Buffer.concat([length, piece]);
    }
    // The tap may have ended before the source did
    for await (const _ of pieces);
    yield Buffer.alloc(4);
    yield* bytes.rest();
  };
}

/** Does something when the device's state begins: its load has begun, and none of it has arrived. */
export function beforeState(act: Action): Tap {
  return deviceState(async function* (state, relay) {
    await act(relay);
    yield* state;
  });
}

/** `u32 length`, big-endian, and so many bytes, again and again; a length of 0 ends it. */
async function* statePieces(bytes: ByteQueue): AsyncGenerator<Buffer> {
  for (;;) {
    const length = (await bytes.take(4)).readUInt32BE();
    if (length === 0) return;
    yield await bytes.take(length);
  }
}

/** Does something when so many bytes have passed, before the next ones do. */
export function afterBytes(count: number, act: Action): Tap {
  return async function* (stream, relay) {
    let passed = 0;
    for await (const piece of stream) {
      const before = passed;
      passed += piece.length;
      if (before < count && passed >= count) await act(relay);
      yield piece;
    }
  };
}

/** Does something before the destination's last word goes back: it has loaded the guest, and the source does not know. */
export function beforeLastWord(act: Action): Tap {
  return async function* (stream, relay) {
    const bytes = new ByteQueue(stream);
    for (;;) {
      // u16 type, u16 length, big-endian
      const head = await bytes.take(4, true);
      if (head.length === 0) return;
      const body = await bytes.take(head.readUInt16BE(2));
      if (head.readUInt16BE(0) === RETURN_PATH_SHUT) await act(relay);
      yield Buffer.concat([head, body]);
    }
  };
}

/** Bytes as they are asked for, whatever the pieces they come in. */
class ByteQueue {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes; at the end of the stream none at all, where that `mayEnd`. */
  async take(count: number, mayEnd = false): Promise<Buffer> {
    while (this.#held.length < count) {
      const ended = !(await this.#more());
      if (ended && mayEnd && this.#held.length === 0) return this.#held;
      if (ended) throw new Error(`The stream ended after ${this.#held.length} of ${count} bytes`);
    }
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** Everything up to and with `mark`; all there is, where that does not come. */
  async *through(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        yield await this.take(at + mark.length);
        return;
      }
      const passed = Math.max(0, this.#held.length - mark.length + 1);
      if (passed > 0) yield await this.take(passed);
      if (!(await this.#more())) break;
    }
    yield* this.rest();
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    while (this.#held.length > 0 || (await this.#more())) yield await this.take(this.#held.length);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}
