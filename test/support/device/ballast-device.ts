/**
 * A device with a state of any size: `options` bytes of a pattern, written from mapped memory. A request is answered
 * with the four bytes at the offset that it names.
 */
import {
  type Device,
  DONE,
  type Handled,
  MAX_PAYLOAD,
  type RecordReader,
  type RecordWriter,
  type Request,
  type Section,
  type Staged,
} from '../../../src/device/index.ts';
import { type Mapping, mapAnonymous } from '../../../src/sys/index.ts';

const BALLAST: Section = { name: 'ballast', version: 1, required: true };

class Ballast implements Device {
  readonly identity = { name: 'ballast', virtioId: 62, stateVersion: 1 };
  readonly features = 0n;
  readonly queues = { count: 1, maxSize: 256 };
  readonly sections = [BALLAST];
  #mapping: Mapping;
  readonly #offset = new Uint32Array(1);

  constructor(size: number) {
    this.#mapping = mapAnonymous(Math.max(size, 1), 'ballast');
    const words = new Uint32Array(this.#mapping.buffer);
    for (let i = 0; i < size / 4; i++) words[i] = Math.imul(i, 2_654_435_761);
  }

  handle(request: Request): Handled {
    request.readable.read(new Uint8Array(this.#offset.buffer));
    request.writable.write(this.#mapping.bytes.subarray(this.#offset[0]!, this.#offset[0]! + 4));
    return DONE;
  }

  save(records: RecordWriter): void {
    const { bytes } = this.#mapping;
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD)
      records.write(BALLAST, bytes.subarray(at, at + MAX_PAYLOAD));
  }

  load(records: RecordReader): Staged {
    const mapping = mapAnonymous(this.#mapping.length, 'incoming ballast');
    let at = 0;
    for (let record = records.next(); record !== undefined; record = records.next()) {
      mapping.bytes.set(record.payload, at);
      at += record.payload.length;
    }
    let given = false;
    return {
      commit: () => {
        this.#mapping[Symbol.dispose]();
        this.#mapping = mapping;
        given = true;
      },
      [Symbol.dispose]: () => {
        if (!given) mapping[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

export function createDevice(options: unknown): Device {
  return new Ballast(Number(options));
}
