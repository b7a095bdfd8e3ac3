/**
 * A device in a page: it keeps a total for its guest. A request is `u32 operation, u32 amount`, the answer the total as
 * `u64`: 1 adds the amount, 2 only reads, 3 waits until the total has reached the amount.
 */
import {
  type DeferredRequest,
  type Device,
  DONE,
  type Handled,
  LATER,
  type RecordReader,
  type RecordWriter,
  type Request,
  type Section,
  type Staged,
} from 'ferry/device';

const Operation = { add: 1, read: 2, wait: 3 } as const;

const TOTAL: Section = { name: 'total', version: 1, required: true };

class Tally implements Device {
  readonly identity = { name: 'tally', virtioId: 63, stateVersion: 1 };
  readonly features = 0n;
  readonly queues = { count: 1, maxSize: 256 };
  readonly sections = [TOTAL];
  readonly #message = new DataView(new ArrayBuffer(8));
  readonly #bytes = new Uint8Array(this.#message.buffer);
  #waiting: { readonly amount: number; readonly request: DeferredRequest }[] = [];
  #total: bigint;

  constructor(total: bigint) {
    this.#total = total;
  }

  handle(request: Request): Handled {
    // A request that is too short is answered with nothing
    if (request.readable.read(this.#bytes) < 8) return DONE;
    const operation = this.#message.getUint32(0, true);
    const amount = this.#message.getUint32(4, true);
    if (operation === Operation.add) this.#add(amount);
    if (operation === Operation.wait && this.#total < amount) {
      this.#waiting.push({ amount, request: request.defer() });
      return LATER;
    }
    this.#answer(request);
    return DONE;
  }

  /** The SDK keeps the requests that wait and hands them to `handle` again. */
  suspend(): void {
    this.#waiting = [];
  }

  save(records: RecordWriter): void {
    this.#message.setBigUint64(0, this.#total, true);
    records.write(TOTAL, this.#bytes);
  }

  load(records: RecordReader): Staged {
    const payload = records.next()?.payload;
    if (payload?.length !== 8) throw new Error(`The total has ${payload?.length ?? 0} bytes, expected 8`);
    const total = new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true);
    return {
      commit: () => {
        this.#total = total;
      },
      [Symbol.dispose]: () => undefined,
    };
  }

  #add(amount: number): void {
    this.#total += BigInt(amount);
    const reached = this.#waiting.filter((waiting) => this.#total >= waiting.amount);
    this.#waiting = this.#waiting.filter((waiting) => this.#total < waiting.amount);
    for (const { request } of reached) {
      this.#answer(request);
      request.complete();
    }
  }

  #answer(to: Pick<Request, 'writable'>): void {
    this.#message.setBigUint64(0, this.#total, true);
    to.writable.write(this.#bytes);
  }
}

/** What `serve` calls on the device's thread. */
export function createDevice(options: unknown): Device {
  return new Tally(BigInt(Number(options ?? 0)));
}
