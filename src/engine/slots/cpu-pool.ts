import { availableParallelism } from 'node:os';
import { asError } from '../../errors.ts';
import type { CpuStart } from './cpu-work.ts';
import { Lane } from './lane.ts';
import { CPU_THREAD_BYTES } from './limits.ts';
import { ReceiveSlots } from './receive-slots.ts';
import type { SendSlots } from './send-slots.ts';

export interface CpuPoolOptions {
  /** As many as the machine has cores by default. */
  readonly threads?: number;
  /** Level of zstd for what is sent; 1 by default. */
  readonly level?: number;
  /** Hears, once, of what cannot be decompressed, and of threads that fail. */
  readonly onFailure: (error: Error) => void;
  readonly signal?: AbortSignal;
}

/**
 * Threads that compress the slots of a sender, or decompress those of a receiver, in place: work that takes a core and waits
 * for nothing, so that there are as many of them as cores, however many devices and channels there are.
 */
export class CpuPool implements AsyncDisposable {
  readonly #lanes: readonly Lane[];
  readonly #slots: SendSlots | ReceiveSlots;
  readonly #stop: Int32Array<SharedArrayBuffer>;

  /** Resolves when all threads are there. Rejects with `ERR_LIBRARY` where libzstd is missing. */
  static async start(slots: SendSlots | ReceiveSlots, options: CpuPoolOptions): Promise<CpuPool> {
    const { threads = availableParallelism(), level = 1, signal } = options;
    const stop = new SharedArrayBuffer(4);
    const start: CpuStart = {
      slots: slots instanceof ReceiveSlots ? { receive: slots.start } : { send: slots.start },
      level,
      stop,
    };
    const lanes = Array.from({ length: threads }, (_, i) =>
      Lane.start(
        { name: `thread ${i} of the CPU pool`, module: workModule(), factory: 'createCpuLane', start },
        { ...(signal && { signal }) },
      ),
    );
    const begun = await Promise.allSettled(lanes);
    const ready = begun.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const pool = new CpuPool(ready, slots, new Int32Array(stop), options.onFailure);
    const failed = begun.find((one) => one.status === 'rejected');
    if (failed === undefined) return pool;
    await pool[Symbol.asyncDispose]();
    throw asError(failed.reason);
  }

  private constructor(
    lanes: readonly Lane[],
    slots: SendSlots | ReceiveSlots,
    stop: Int32Array<SharedArrayBuffer>,
    onFailure: (error: Error) => void,
  ) {
    this.#lanes = lanes;
    this.#slots = slots;
    this.#stop = stop;
    for (const lane of lanes)
      lane.run(undefined).catch((error: unknown) => {
        if (Atomics.exchange(stop, 0, 1) === 0) onFailure(asError(error));
        slots.wakeWorkers();
      });
  }

  /** Bytes that all of this takes at most. */
  get worstCaseBytes(): number {
    return this.#lanes.length * CPU_THREAD_BYTES;
  }

  /** End the threads, each after the slot that it works on. Whether all have ended. */
  async end(): Promise<boolean> {
    Atomics.store(this.#stop, 0, 1);
    this.#slots.wakeWorkers();
    const ended = await Promise.all(this.#lanes.map((lane) => lane.end()));
    return ended.every(Boolean);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** The threads' module, in the sources or compiled. */
function workModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? './cpu-work.ts' : './cpu-work.js';
  return new URL(name, import.meta.url);
}
