import { type ChainReader, type ChainWriter, type DescriptorChain, VirtqueueError } from '../virtio/index.ts';
import type { DeferredRequest } from './device.ts';

/** A request that waits for its answer. `answer` hands it back to the driver. */
export class Deferred implements DeferredRequest {
  readonly queue: number;
  readonly chain: DescriptorChain;
  readonly #answer: (deferred: Deferred) => void;
  #state: 'waiting' | 'answered' | 'abandoned' = 'waiting';

  constructor(queue: number, chain: DescriptorChain, answer: (deferred: Deferred) => void) {
    this.queue = queue;
    this.chain = chain;
    this.#answer = answer;
  }

  get readable(): ChainReader {
    return this.chain.readable;
  }

  get writable(): ChainWriter {
    return this.chain.writable;
  }

  get abandoned(): boolean {
    return this.#state === 'abandoned';
  }

  complete(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'answered';
    this.#answer(this);
  }

  /** Nobody waits for the answer any more. */
  abandon(): void {
    this.#state = 'abandoned';
  }

  /** Whether memory that the request lies in has been taken away. */
  isLost(): boolean {
    try {
      this.chain.readable.segments.validate();
      this.chain.writable.segments.validate();
      return false;
    } catch (error) {
      if (error instanceof VirtqueueError) return true;
      throw error;
    }
  }
}
