import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '../../../errors.ts';
import type { MessageOf } from '../control/messages.ts';
import { TransferError } from '../errors.ts';
import { connectChannel } from './channel.ts';
import type { Source } from './source.ts';

/** Puts another connection in the place of one that broke, and has sent again what went with it. */
export class Replacements {
  readonly #source: Source;
  /** Number of the present connection of each channel. */
  readonly #attempts: number[];
  readonly #under = new Set<number>();
  /** Connections that broke at the destination before they were in their place here: the channel, and which of its connections. */
  readonly #lostEarly = new Map<number, number>();
  #left: number;
  #closed = false;
  /** How many there were; `tries` counts those that came to nothing as well. */
  replaced = 0;
  tries = 0;

  constructor(source: Source) {
    this.#source = source;
    this.#left = source.plan.resumes;
    this.#attempts = Array.from({ length: source.plan.proposal.channels }, () => 0);
  }

  /** From now on nothing is on its way that could be lost. */
  close(): void {
    this.#closed = true;
  }

  /** A channel ended badly at this end. */
  lostHere(id: number, error: Error): void {
    this.#lost(id, error);
  }

  /** The destination said that a connection ended badly there: whether or not it is known here yet. */
  lostThere({ channel, attempt, why }: MessageOf<'channel-lost'>): void {
    if (attempt !== this.#attempts[channel]) return;
    if (this.#under.has(channel)) this.#lostEarly.set(channel, attempt);
    else this.#lost(channel, new TransferError('ERR_CHANNEL_LOST', `At the destination: ${why}`));
  }

  #lost(id: number, error: Error): void {
    const { course } = this.#source;
    if (this.#closed || course.signal.aborted || this.#under.has(id)) return;
    course.emit({ type: 'channel', id, did: 'lost', attempt: this.#attempts[id]!, why: error.message });
    if (this.#left === 0) {
      course.fail(
        new TransferError('ERR_CHANNEL_LOST', `Channel ${id} broke: ${error.message}`, { cause: error }),
      );
      return;
    }
    this.#left--;
    this.#under.add(id);
    this.#replace(id).then(
      () => this.#inPlace(id),
      (thrown: unknown) => {
        // Everything has arrived without it
        if (this.#closed) return;
        const why = `Channel ${id} broke (${error.message}) and could not be replaced: ${asError(thrown).message}`;
        course.fail(new TransferError('ERR_CHANNEL_LOST', why, { cause: thrown }));
      },
    );
  }

  #inPlace(id: number): void {
    this.#under.delete(id);
    if (this.#lostEarly.get(id) === this.#attempts[id])
      this.#lost(id, new TransferError('ERR_CHANNEL_LOST', 'It broke at the destination at once'));
  }

  async #replace(id: number): Promise<void> {
    const { signal, timings } = this.#source.course;
    const end = performance.now() + timings.resumeMs;
    for (let pause = timings.resumePauseMs; ; pause *= 2) {
      this.tries++;
      try {
        await this.#try(id, end - performance.now());
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (this.#closed || performance.now() + pause >= end) throw error;
        await delay(pause, undefined, { signal });
      }
    }
  }

  async #try(id: number, deadline: number): Promise<void> {
    const { course, ram, slots } = this.#source;
    const channels = this.#source.channels!;
    const attempt = this.#attempts[id]! + 1;
    this.#attempts[id] = attempt;
    const { connection, barriersSeen } = await connectChannel(this.#source, id, attempt, deadline);
    try {
      await channels.drop(id);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    const again = { pages: ram.lostBy(id), slots: slots?.lostBy(id) ?? 0 };
    await channels.replace(id, connection, { barriersSeen });
    this.replaced++;
    course.emit({ type: 'channel', id, did: 'resumed', attempt, ...again });
  }
}
