import { asError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { ChannelError } from './errors.ts';
import type { HelloExpected } from './hello.ts';
import { type Identity, identify } from './identify.ts';
import { IDENTIFY_WITHIN, MAX_STRANGERS, MAX_UNIDENTIFIED } from './limits.ts';
import type { Listener } from './listen.ts';
import { FOR_EVER, Wait } from './patience.ts';

/** How new connections are looked at. */
export interface GatheringOptions extends HelloExpected {
  /** Extended: `Feature` bits that this end can do. */
  readonly features?: number;
  /** Hears of each connection that was turned away. */
  readonly onStranger?: (peer: string, why: Error) => void;
  /** Milliseconds that each connection has to say what it is. */
  readonly identifyMs?: number;
}

/** Finds a place for a connection that was identified. It is turned away where this rejects. `wait`: how long it may take. */
type Place = (connection: Connection, identity: Identity, wait: Wait) => Promise<void>;

/**
 * Accepts connections and finds out what each is, many at the same time, so that nobody waits for one that says nothing.
 * Disposing of it gives back those that were not kept.
 */
export class Gathering implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #options: GatheringOptions;
  readonly #place: Place;
  /** Those that have not said what they are, oldest first. */
  readonly #unidentified = new Map<Connection, AbortController>();
  readonly #taken = new Set<Connection>();
  readonly #work = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #changed = Promise.withResolvers<void>();
  #strangers = 0;
  #fatal: Error | undefined;

  constructor(listener: Listener, options: GatheringOptions, place: Place) {
    this.#listener = listener;
    this.#options = options;
    this.#place = place;
  }

  /**
   * Accept connections until `done`, or until this is disposed of. Rejects with `ERR_TOO_MANY_STRANGERS`, and as `wait`
   * says, naming what is `missing`.
   */
  async until(done: () => boolean, wait: Wait, missing: () => string): Promise<void> {
    this.#begin(this.#accept(done));
    while (!done() && !this.#stop.signal.aborted) {
      if (this.#fatal !== undefined) throw this.#fatal;
      const { promise } = this.#changed;
      await wait.for(promise, `The arrival of ${missing()}`);
    }
  }

  /** These are the caller's from now on. */
  keep(...connections: readonly Connection[]): void {
    for (const connection of connections) this.#taken.delete(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#change();
    for (const stop of this.#unidentified.values()) stop.abort();
    await Promise.all(this.#work);
    await Promise.all([...this.#taken].map((connection) => connection[Symbol.asyncDispose]()));
  }

  /** Work that the end waits for. */
  #begin(work: Promise<void>): void {
    this.#work.add(work);
    work.then(() => this.#work.delete(work)).catch((error: unknown) => this.#fail(asError(error)));
  }

  async #accept(done: () => boolean): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted && !done()) {
        const connection = await this.#listener.accept({ signal, deadline: FOR_EVER });
        const identified = this.#identify(connection);
        this.#begin(identified);
        // Files come one after the other, and end somewhere
        if (this.#listener.isFile) await identified;
      }
    } catch (error) {
      if (!signal.aborted) this.#fail(asError(error));
    }
  }

  async #identify(connection: Connection): Promise<void> {
    const stop = new AbortController();
    this.#unidentified.set(connection, stop);
    if (this.#unidentified.size > MAX_UNIDENTIFIED) this.#evictOldest();
    try {
      const wait = new Wait({ signal: stop.signal }, this.#options.identifyMs ?? IDENTIFY_WITHIN);
      const identity = await identify(connection, this.#options, wait);
      this.#taken.add(connection);
      await this.#place(connection, identity, wait);
    } catch (error) {
      this.#taken.delete(connection);
      await this.#turnAway(connection, asError(error));
    } finally {
      this.#unidentified.delete(connection);
      this.#change();
    }
  }

  #evictOldest(): void {
    const [oldest] = this.#unidentified.values();
    const why = `more than ${MAX_UNIDENTIFIED} connections have not said what they are, and it was the first of them`;
    oldest?.abort(new ChannelError('ERR_UNKNOWN_CONNECTION', why));
  }

  async #turnAway(connection: Connection, why: Error): Promise<void> {
    await connection[Symbol.asyncDispose]();
    if (this.#stop.signal.aborted) return;
    this.#options.onStranger?.(connection.peer, why);
    if (++this.#strangers < MAX_STRANGERS) return;
    this.#fail(
      new ChannelError(
        'ERR_TOO_MANY_STRANGERS',
        `${MAX_STRANGERS} connections were turned away; the last: ${why.message}`,
      ),
    );
  }

  #fail(error: Error): void {
    this.#fatal ??= error;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
