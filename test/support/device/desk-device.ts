/**
 * A device for what happens to requests on their way: some are answered at once, some when the guest says so. A request
 * is `u32 operation, u32 argument`, whatever follows does not matter; its answer is `u64`, how many requests this process
 * had been handed when it got this one. The configuration space is a word that requests, front ends and descriptor 3
 * change, then how often it was changed.
 */
import {
  type ConfigSpace,
  type DeferredRequest,
  type Device,
  type DeviceContext,
  DONE,
  Fd,
  type Handled,
  LATER,
  Poll,
  type RecordReader,
  type RecordWriter,
  type Request,
  type Section,
  type Staged,
} from '../../../src/device/index.ts';
import { drainEventfd } from '../../../src/sys/index.ts';

/** `pair`: answered when the next one of the same queue comes, so that one is always waiting. */
export const Operation = { answer: 1, hold: 2, release: 3, config: 4, pair: 5 } as const;

export interface DeskOptions {
  readonly queues?: number;
  readonly settle?: number;
  readonly inflight?: boolean;
  /** Descriptor 3 is an eventfd: when it is signalled, the configuration changes. */
  readonly doorbell?: boolean;
}

const WORD: Section = { name: 'word', version: 1, required: true };

interface Held {
  readonly serial: bigint;
  readonly request: DeferredRequest;
}

class Desk implements Device {
  readonly identity = { name: 'desk', virtioId: 61, stateVersion: 1 };
  readonly features = 1n;
  readonly queues: { readonly count: number; readonly maxSize: number };
  readonly sections = [WORD];
  readonly settleMilliseconds: number;
  readonly offersInflight: boolean;
  readonly config: ConfigSpace;
  readonly #words = new Uint32Array(2);
  readonly #space = new Uint32Array(2);
  readonly #answer = new BigUint64Array(1);
  readonly #doorbell: Fd | undefined;
  #context: DeviceContext | undefined;
  #held: Held[] = [];
  #pairs = new Map<number, Held>();
  #handed = 0n;

  constructor({ queues = 1, settle = 0, inflight = false, doorbell = false }: DeskOptions) {
    this.queues = { count: queues, maxSize: 256 };
    this.settleMilliseconds = settle;
    this.offersInflight = inflight;
    if (doorbell) this.#doorbell = new Fd(3, 'doorbell');
    const bytes = new Uint8Array(this.#space.buffer);
    this.config = {
      read: (offset, length) => bytes.subarray(offset, offset + length),
      write: (offset, change) => {
        bytes.set(change, offset);
        this.#configured(this.#space[0]!);
      },
    };
  }

  attach(context: DeviceContext): void {
    this.#context = context;
    const doorbell = this.#doorbell;
    if (doorbell === undefined) return;
    context.watch(doorbell, Poll.in, () => {
      drainEventfd(doorbell.number);
      this.#configured(this.#space[0]! + 1);
      context.log(`the word is ${this.#space[0]}`);
    });
  }

  handle(request: Request): Handled {
    const serial = ++this.#handed;
    request.readable.read(new Uint8Array(this.#words.buffer));
    const [operation, argument] = this.#words as unknown as [number, number];
    if (operation === Operation.hold) {
      this.#held.push({ serial, request: request.defer() });
      return LATER;
    }
    if (operation === Operation.pair) {
      const last = this.#pairs.get(request.queue);
      this.#pairs.set(request.queue, { serial, request: request.defer() });
      if (last !== undefined) this.#complete(last);
      return LATER;
    }
    if (operation === Operation.release) this.#release();
    if (operation === Operation.config) this.#configured(argument);
    this.#write(request, serial);
    return DONE;
  }

  suspend(): void {
    this.#held = [];
    this.#pairs.clear();
  }

  save(records: RecordWriter): void {
    records.write(WORD, new Uint8Array(this.#space.buffer));
  }

  load(records: RecordReader): Staged {
    const words = new Uint32Array(records.next()!.payload.slice().buffer);
    return { commit: () => this.#space.set(words), [Symbol.dispose]: () => undefined };
  }

  [Symbol.dispose](): void {
    this.#doorbell?.[Symbol.dispose]();
  }

  #configured(word: number): void {
    this.#space[0] = word;
    this.#space[1]!++;
    this.#context?.configChanged();
  }

  #release(): void {
    const released = [...this.#held, ...this.#pairs.values()];
    this.#held = [];
    this.#pairs.clear();
    for (const held of released) this.#complete(held);
  }

  #complete({ serial, request }: Held): void {
    if (request.abandoned) return;
    this.#write(request, serial);
    request.complete();
  }

  #write({ writable }: Pick<Request, 'writable'>, serial: bigint): void {
    this.#answer[0] = serial;
    writable.write(new Uint8Array(this.#answer.buffer));
  }
}

export function createDevice(options: unknown): Device {
  return new Desk(options as DeskOptions);
}
