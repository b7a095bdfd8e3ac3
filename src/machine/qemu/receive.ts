import {
  type Collected,
  collectConnections,
  endpointText,
  type Listener,
  listen,
  parseEndpoint,
  WarmThreads,
} from '../../engine/channels/index.ts';
import { noneKind, ramModule } from '../../engine/payloads/index.ts';
import { DeadlineError, FerryError } from '../../errors.ts';
import { DEFAULT_PAGE_SIZE } from '../../qemu-stream/index.ts';
import { BlockMemory } from './block-memory.ts';
import { Ending } from './ending.ts';
import { Intake, type Received } from './intake.ts';
import type { QemuReceiverOptions } from './options.ts';

/** The machine that came, stopped. Disposing of it gives its memory back, unless that was given to the receiver. */
export interface ReceivedMachine extends Received, Disposable {
  readonly memory: BlockMemory;
}

const NO_UUID = new Uint8Array(16);

/**
 * The destination of a QEMU that migrates with multifd and a return path: its RAM goes straight into memory of this process,
 * and what its devices saved is kept as it came. QEMU reports `completed` when all of it is here.
 */
export class QemuReceiver implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #options: QemuReceiverOptions;
  /** For the first machine: a source should not wait for what can be there before it comes. */
  readonly #threads: WarmThreads;
  /** What is being received. */
  readonly #running = new Map<Ending, Promise<unknown>>();

  /** Listen for a source. Resolves when everything is ready for it; rejects with `ERR_ENDPOINT` for an endpoint that QEMU cannot migrate to. */
  static async listen(options: QemuReceiverOptions): Promise<QemuReceiver> {
    const endpoint = parseEndpoint(options.endpoint);
    if (endpoint.extended || endpoint.tls || endpoint.transport === 'file')
      throw new FerryError('ERR_ENDPOINT', `${options.endpoint} is not taken: tcp: and unix: are`);
    const receiver = new QemuReceiver(await listen(endpoint), options);
    await receiver.#threads.ready();
    return receiver;
  }

  private constructor(listener: Listener, options: QemuReceiverOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#threads = new WarmThreads(options.channels, [ramModule, noneKind(DEFAULT_PAGE_SIZE).module]);
  }

  /** What the source's `migrate` is told. */
  get uri(): string {
    return endpointText(this.#listener.endpoint);
  }

  /**
   * Take one machine. Rejects, with everything released and the source told, when it cannot be taken whole, when nothing came
   * for as long as `timings` allow, or after `deadline` milliseconds.
   */
  async receive(patience: { signal?: AbortSignal; deadline?: number } = {}): Promise<ReceivedMachine> {
    using end = new Ending(patience);
    const receiving = this.#receive(end);
    this.#running.set(end, receiving);
    try {
      return await receiving;
    } finally {
      this.#running.delete(end);
    }
  }

  /** Whatever is being received is given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#running.keys())
      end.because(new FerryError('ERR_QEMU_RECEIVER', `Nobody listens at ${this.uri} any more`));
    await Promise.allSettled(this.#running.values());
    await this.#threads[Symbol.asyncDispose]();
    await this.#listener[Symbol.asyncDispose]();
  }

  async #receive(end: Ending): Promise<ReceivedMachine> {
    const { memory = new BlockMemory() } = this.#options;
    const own = memory !== this.#options.memory;
    try {
      const connections = await this.#collect(end);
      await using intake = new Intake(connections.main, connections.channels, {
        ...this.#options,
        memory,
        end,
        threads: this.#threads,
      });
      const received = await intake.run();
      return { ...received, memory, [Symbol.dispose]: () => own && memory[Symbol.dispose]() };
    } catch (error) {
      if (own) memory[Symbol.dispose]();
      throw error;
    }
  }

  async #collect(end: Ending): Promise<Collected> {
    const { channels, uuid = NO_UUID, collectMs } = this.#options;
    let refused: string | undefined;
    const onStranger = (peer: string, why: Error) => {
      this.#options.onStranger?.(peer, why);
      refused = `; turned away, as the last one, was ${peer}: ${why.message}`;
    };
    try {
      return await collectConnections(
        this.#listener,
        { channels, uuid, extended: false, main: 'qemu', onStranger },
        { signal: end.signal, deadline: collectMs },
      );
    } catch (error) {
      if (refused === undefined || !(error instanceof DeadlineError)) throw error;
      throw new FerryError('ERR_QEMU_CONNECTIONS', `${error.message}${refused}`, { cause: error });
    }
  }
}
