import { asError } from '../errors.ts';
import { QmpEventOverflowError } from './errors.ts';
import { type Events, eventShapes } from './generated/events.ts';

/** An event as it is handed out: `seconds` is QEMU's own clock. */
export type QmpEvent<E extends keyof Events = keyof Events> = {
  [N in E]: { readonly name: N; readonly data: Events[N]; readonly seconds: number };
}[E];

/**
 * The events of some names, from the moment of subscribing, in order. At most `limit` wait to be read; one more ends
 * the subscription with `QmpEventOverflowError` after those that wait, so that no gap goes unnoticed. When the
 * connection ends, so does the subscription, with the connection's error.
 */
export class EventSubscription<E extends keyof Events = keyof Events>
  implements AsyncIterableIterator<QmpEvent<E>>, Disposable
{
  readonly #names: ReadonlySet<string>;
  readonly #limit: number;
  readonly #queue: QmpEvent<E>[] = [];
  readonly #onDispose: (subscription: EventSubscription<E>) => void;
  #waiting: PromiseWithResolvers<IteratorResult<QmpEvent<E>, undefined>> | undefined;
  #failure: Error | undefined;
  #ended = false;

  constructor(names: readonly E[], limit: number, onDispose: (subscription: EventSubscription<E>) => void) {
    this.#names = new Set(names);
    this.#limit = limit;
    this.#onDispose = onDispose;
  }

  #wants(name: string): name is E {
    return this.#names.has(name);
  }

  /** Take an event from the wire, if it is one of ours. */
  offer(name: string, data: unknown, seconds: number): void {
    if (this.#ended || this.#failure !== undefined || !this.#wants(name)) return;
    let event: QmpEvent<E>;
    try {
      event = { name, data: eventShapes[name](data, name), seconds };
    } catch (error) {
      this.fail(asError(error));
      return;
    }
    if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ value: event, done: false });
    } else if (this.#queue.length < this.#limit) this.#queue.push(event);
    else this.fail(new QmpEventOverflowError(this.#limit));
  }

  /** End with `error` once what waits has been read. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  /** The next event. Only one reader may wait at a time. */
  async next(): Promise<IteratorResult<QmpEvent<E>, undefined>> {
    const event = this.#queue.shift();
    if (event !== undefined) return { value: event, done: false };
    if (this.#ended) return { value: undefined, done: true };
    if (this.#failure !== undefined) throw this.#failure;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  async return(): Promise<IteratorResult<QmpEvent<E>, undefined>> {
    this[Symbol.dispose]();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue.length = 0;
    this.#waiting?.resolve({ value: undefined, done: true });
    this.#waiting = undefined;
    this.#onDispose(this);
  }
}
