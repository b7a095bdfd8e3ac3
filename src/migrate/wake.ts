import type { Events } from '../qmp/index.ts';
import { aborted, type Side } from './side.ts';

type Watched = 'MIGRATION' | 'MIGRATION_PASS' | 'STOP' | 'RESUME';

const WATCHED: readonly Watched[] = [
  'MIGRATION',
  'MIGRATION_PASS',
  'STOP',
  'RESUME',
] satisfies (keyof Events)[];

/**
 * Wakes whoever polls a QEMU as soon as something happens there. What happened is always asked for afterwards: an event
 * that is missed costs one polling interval, never a wrong decision.
 */
export class Wake implements Disposable {
  readonly #side: Side;
  readonly #onEvent: (name: Watched, seconds: number) => void;
  #dispose: () => void = () => undefined;
  #waiting = Promise.withResolvers<void>();
  #happened = false;

  constructor(side: Side, onEvent: (name: Watched, seconds: number) => void = () => undefined) {
    this.#side = side;
    this.#onEvent = onEvent;
    // A lost connection, an overflow, an event that cannot be read: the next query tells what matters of it, and until then
    // the timer wakes.
    this.#pump().catch(() => undefined);
  }

  async #pump(): Promise<void> {
    using events = this.#side.client.events(WATCHED);
    this.#dispose = () => events[Symbol.dispose]();
    for await (const { name, seconds } of events) {
      this.#onEvent(name, seconds);
      this.#happened = true;
      this.#waiting.resolve();
    }
  }

  /** Wait for the next event since the last call, but no longer than `ms` or until `signal`. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#happened)
      await Promise.race([
        this.#waiting.promise,
        aborted(AbortSignal.any([AbortSignal.timeout(ms), signal])),
      ]);
    this.#happened = false;
    this.#waiting = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#dispose();
  }
}
