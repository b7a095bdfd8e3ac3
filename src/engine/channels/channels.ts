import { asError } from '../../errors.ts';
import { Bell } from './bell.ts';
import { ChannelThread } from './channel-handle.ts';
import type { Connection } from './connection.ts';
import { ChannelControl, type ChannelCounters } from './control.ts';
import { ChannelError } from './errors.ts';
import { END_WITHIN, IDLE_WITHIN, MAX_CHANNELS, PACKET_WITHIN, START_WITHIN } from './limits.ts';
import type { ChannelsOptions } from './options.ts';
import { type Patience, Wait } from './patience.ts';

/**
 * The channels of one transfer, in one direction: a thread each. Disposing of them aborts what is not finished. It is an
 * error of the caller to leave them without disposing.
 */
export class Channels implements AsyncDisposable {
  /** To be rung when something can be taken. */
  readonly bell: Bell;
  readonly #options: ChannelsOptions;
  readonly #control: ChannelControl;
  readonly #threads: ChannelThread[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #onExit = () => this.#stopAll();
  #names: readonly string[] = [];
  readonly #early = new WeakSet<ChannelThread>();
  #failure: Error | undefined;
  #settled = false;

  /** Start the threads. Resolves when all have loaded their kinds. The connections are taken over, also where it rejects. */
  static async start(options: ChannelsOptions, patience: Patience = {}): Promise<Channels> {
    const count = options.connections.length;
    const channels = new Channels(options);
    try {
      if (count < 1 || count > MAX_CHANNELS)
        throw new ChannelError('ERR_CHANNELS', `A transfer has 1 to ${MAX_CHANNELS} channels, not ${count}`);
      for (const [id, connection] of options.connections.entries()) channels.#startOne(id, connection);
      await channels.#until('The start of the channels', patience, START_WITHIN, () =>
        channels.#threads.every((thread) => thread.hasBegun),
      );
      channels.#names = channels.#threads[0]!.kinds;
      return channels;
    } catch (error) {
      await channels[Symbol.asyncDispose]();
      await Promise.all(options.connections.map((connection) => connection[Symbol.asyncDispose]()));
      throw error;
    }
  }

  private constructor(options: ChannelsOptions) {
    this.#options = options;
    this.#control = ChannelControl.create(options.connections.length, options.kinds.length);
    this.bell = options.bell ?? new Bell();
    // Who does not ask how they ended hears of it from whatever was waited for
    this.#ended.promise.catch(() => undefined);
    // A thread that is blocked would keep a process that exits from ending
    process.on('exit', this.#onExit);
  }

  /** Resolves when every channel has come to its orderly end; rejects with the first failure, or the reason of `abort`. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Names of the kinds, in the order they were given in. */
  get kinds(): readonly string[] {
    return this.#names;
  }

  /** Sending: have every channel write a barrier behind all that ordered kinds have now. Returns its number, from 1 on. */
  postBarrier(): number {
    const barrier = this.#control.post();
    this.bell.ring();
    return barrier;
  }

  /** Sending: wait until every channel has written barrier `barrier`. */
  async barrierWritten(barrier: number, patience: Patience): Promise<void> {
    await this.#barrierPassed(barrier, patience, 'written');
  }

  /** Receiving: wait until every channel has read barrier `barrier`. They are held there. */
  async barrierReached(barrier: number, patience: Patience): Promise<void> {
    await this.#barrierPassed(barrier, patience, 'read');
  }

  /** Receiving: let channels go on behind barrier `barrier`. */
  releaseBarrier(barrier: number): void {
    this.#control.release(barrier);
  }

  /** The last barrier that channel `id` has written, or read. */
  barrierOf(id: number): number {
    return this.#control.barrierOf(id);
  }

  /** What channel `id` has moved so far. */
  counters(id: number): ChannelCounters {
    return this.#control.counters(id, this.#names);
  }

  /**
   * Sending: have everything written that can be taken now, then say that nothing more comes. Receiving: wait until the peer
   * says so on every channel. Rejects with the first failure.
   */
  async finish(patience: Patience): Promise<void> {
    this.#control.finish();
    this.bell.ring();
    this.#look();
    await this.#until('The orderly end of every channel', patience, PACKET_WITHIN, () =>
      this.#threads.every((thread) => thread.state === 'ended'),
    );
    await this.#ended.promise;
  }

  /** End every channel now: whoever is blocked returns. `ended` rejects with `reason`. */
  abort(reason: Error): void {
    if (this.#settled) return;
    this.#failure ??= reason;
    this.#stopAll();
    this.#look();
  }

  /**
   * End the thread of channel `id`, which may not have noticed that its connection is of no use any more, for `replace` to
   * follow. Returns how many barriers were written or read on it. What was under way on it can be accounted for then.
   */
  async drop(id: number): Promise<number> {
    const before = this.#threads[id];
    if (before === undefined || this.#settled || this.#options.resumable !== true)
      throw new ChannelError('ERR_CHANNELS', `Channel ${id} cannot be replaced: ${this.#whyNot(id)}`);
    this.#control.abortOne(id, true);
    this.bell.ring();
    await before.stop();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#control.barrierOf(id);
  }

  /**
   * Go on with channel `id` over another connection, which is taken over. The thread of the one before, which may not have
   * noticed anything, is ended first. Sending: `barriersSeen` is how many barriers of this channel the receiver has read;
   * those after them are written again.
   */
  async replace(
    id: number,
    connection: Connection,
    { barriersSeen }: { barriersSeen?: number } = {},
  ): Promise<void> {
    try {
      await this.drop(id);
      this.#control.abortOne(id, false);
      if (barriersSeen !== undefined) this.#control.setBarrier(id, barriersSeen);
      this.#startOne(id, connection);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    this.bell.ring();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort(new ChannelError('ERR_CHANNELS_ABORTED', 'The channels were given up before their end'));
    await Promise.all(this.#threads.map((thread) => thread.stop()));
    process.off('exit', this.#onExit);
  }

  #startOne(id: number, connection: Connection): void {
    const {
      direction,
      extended,
      checksum,
      kinds,
      packetMs = PACKET_WITHIN,
      idleMs = IDLE_WITHIN,
      endMs = END_WITHIN,
    } = this.#options;
    const facts = {
      id,
      direction,
      extended,
      checksum,
      kinds,
      control: this.#control.shared,
      bell: this.bell.shared,
    };
    const deadlines = { packetMs, idleMs, endMs };
    const warm = this.#options.threads?.take();
    this.#threads[id] = new ChannelThread(facts, connection, deadlines, () => this.#look(), warm);
    this.#control.report();
  }

  /** A channel's thread has changed: what follows from that. */
  #look(): void {
    for (const [id, thread] of this.#threads.entries()) {
      const failure = thread.takeFailure() ?? this.#earlyEnd(id, thread);
      if (failure === undefined) continue;
      this.#options.onFailure?.(id, failure);
      if (this.#options.resumable === true) continue;
      this.#failure ??= failure;
      this.#stopAll();
    }
    const over = this.#threads.every((thread) => thread.state !== 'running');
    if (over && !this.#settled && (this.#failure !== undefined || (this.#allEnded && !this.#awaitsFinish))) {
      this.#settled = true;
      if (this.#failure === undefined) this.#ended.resolve();
      else this.#ended.reject(this.#failure);
    }
    this.#control.report();
  }

  /**
   * Somebody on the way may end a connection as if its sender had. Where channels can be replaced, the sender ends none before
   * the receiver waits for that.
   */
  #earlyEnd(id: number, thread: ChannelThread): ChannelError | undefined {
    if (thread.state !== 'ended' || !this.#awaitsFinish || this.#early.has(thread)) return undefined;
    this.#early.add(thread);
    return new ChannelError(
      'ERR_CHANNEL_CUT',
      `Channel ${id} has ended at barrier ${this.#control.barrierOf(id)}, before everything had come`,
    );
  }

  /** Whether channels that have ended may still be replaced. */
  get #awaitsFinish(): boolean {
    const { extended, direction, resumable } = this.#options;
    return extended && resumable === true && direction === 'receive' && !this.#control.isFinishing;
  }

  get #allEnded(): boolean {
    return this.#threads.every((thread) => thread.state === 'ended');
  }

  #stopAll(): void {
    this.#control.abort();
    this.bell.ring();
    for (const thread of this.#threads) thread.stop().catch((error: unknown) => this.abort(asError(error)));
  }

  #whyNot(id: number): string {
    if (id >= this.#threads.length) return `there are ${this.#threads.length}`;
    return this.#settled ? 'the channels have ended' : 'this transfer resumes none';
  }

  async #barrierPassed(barrier: number, patience: Patience, what: string): Promise<void> {
    await this.#until(`Barrier ${barrier}, ${what} on every channel,`, patience, PACKET_WITHIN, () => {
      if (this.#control.allPassed(barrier)) return true;
      const gone = this.#threads.findIndex(
        (thread, id) => thread.state === 'ended' && this.#control.barrierOf(id) < barrier,
      );
      if (gone < 0 || this.#awaitsFinish) return false;
      throw new ChannelError(
        'ERR_CHANNEL_CUT',
        `Channel ${gone} has ended at barrier ${this.#control.barrierOf(gone)}; barrier ${barrier} was expected`,
      );
    });
  }

  async #until(what: string, patience: Patience, otherwise: number, done: () => boolean): Promise<void> {
    const wait = new Wait(patience, otherwise);
    const { signal } = wait;
    const wake = () => this.#control.report();
    signal?.addEventListener('abort', wake);
    // A wait for shared memory alone would not keep the process running
    const timer = setTimeout(wake, wait.left);
    try {
      for (;;) {
        const seen = this.#control.changes;
        if (this.#failure !== undefined) throw this.#failure;
        signal?.throwIfAborted();
        if (done()) return;
        if (wait.left === 0) throw wait.error(`${what}${this.#missing()}`);
        await this.#control.change(seen, wait.left);
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
    }
  }

  /** Which channels are behind, for the message of a deadline. */
  #missing(): string {
    const places = this.#threads.map(
      (thread, id) => `${id}: ${thread.state}, barrier ${this.#control.barrierOf(id)}`,
    );
    return ` (channels ${places.join('; ')})`;
  }
}
