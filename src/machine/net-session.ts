import { DeadlineError } from '../errors.ts';
import type { FrontEnd } from '../vhost-user/index.ts';
import { type DriverOptions, GuestDriver } from './guest-driver.ts';
import type { GuestQueue } from './guest-queue.ts';
import { NetFeature, netHeader } from './net/format.ts';

const RX = 0;
const TX = 1;
/** A frame with VLAN tag, and the header before it. */
const BUFFER = 2048;

export interface NetSessionOptions extends DriverOptions {
  /** Frames that can be on the way at one time, each direction; 32 unless given. */
  readonly depth?: number;
}

/**
 * A guest's virtio-net driver: a receive and a transmit queue, Ethernet frames either way. Receive buffers are given to
 * the device at `start` and again when a frame has been taken out of them.
 */
export class NetSession extends GuestDriver {
  readonly #rx: GuestQueue;
  readonly #tx: GuestQueue;
  readonly #received: number[] = [];
  readonly #sent: number[] = [];
  readonly #depth: number;
  #primed = false;

  constructor(options: NetSessionOptions = {}) {
    const { depth = 32 } = options;
    // Back ends such as passt know neither indirect tables nor event indexes
    const plain = { indirect: false, eventIdx: false, features: NetFeature.MRG_RXBUF };
    super({ queues: 2, perSlot: 1, memory: 2 * (depth * BUFFER + 4096) }, { ...plain, ...options });
    this.#depth = depth;
    this.#rx = this.queues[RX]!;
    this.#tx = this.queues[TX]!;
    for (let slot = 0; slot < depth; slot++) {
      this.#received.push(this.ram.allocate(BUFFER, BUFFER));
      this.#sent.push(this.ram.allocate(BUFFER, BUFFER));
    }
  }

  override adopt(frontEnd: FrontEnd): void {
    super.adopt(frontEnd);
    if (this.#primed) return;
    for (let slot = 0; slot < this.#depth; slot++) {
      this.#rx.queue.prepare(slot, [{ address: this.#received[slot]!, length: BUFFER, writable: true }]);
      this.#rx.queue.submit(slot);
    }
    this.#rx.queue.publish();
    this.#primed = true;
  }

  /** Send one Ethernet frame, without its checksum, and wait until the device has taken it. */
  send(frame: Uint8Array): void {
    const at = this.#sent[0]!;
    const length = netHeader.size + frame.length;
    if (length > BUFFER)
      throw new RangeError(`A frame of ${frame.length} bytes, at most ${BUFFER - netHeader.size}`);
    const bytes = this.ram.view(at, length);
    bytes.fill(0, 0, netHeader.size);
    bytes.set(frame, netHeader.size);
    this.#tx.call(0, [{ address: at, length, writable: false }]);
  }

  /** The next frame that the device delivers, a copy. Throws `ERR_DEADLINE`. */
  receive(): Uint8Array {
    const slot = this.#rx.await();
    const length = this.#rx.queue.usedLength;
    const frame = this.ram.view(this.#received[slot]!, BUFFER).slice(netHeader.size, length);
    this.#rx.queue.submit(slot);
    this.#rx.publish();
    return frame;
  }

  /** The next frame that `wanted` says yes to, within the deadline; others are passed over. Throws `ERR_DEADLINE`. */
  receiveWhere(wanted: (frame: Uint8Array) => boolean): Uint8Array {
    const end = performance.now() + this.deadline;
    while (performance.now() < end) {
      const frame = this.receive();
      if (wanted(frame)) return frame;
    }
    throw new DeadlineError('The frame that was waited for', this.deadline);
  }
}
