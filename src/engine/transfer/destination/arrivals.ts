import { asError } from '../../../errors.ts';
import { acceptResumed, type Connection, Feature, type ResumedChannel } from '../../channels/index.ts';
import { TransferError } from '../errors.ts';
import { within } from '../wait.ts';
import type { Destination, Intake } from './destination.ts';

/** Takes the connections of channels: the first ones, and those that come in the place of others. */
export class Arrivals implements AsyncDisposable {
  readonly #destination: Destination;
  readonly #intake: Intake;
  readonly #accepting: AsyncDisposable;
  readonly #first: (Connection | undefined)[];
  readonly #all = Promise.withResolvers<void>();
  /** Number of the present connection of each channel. */
  readonly #attempts: number[];
  /** Channels that broke, and since when nobody came in their place. */
  readonly #missing = new Map<number, NodeJS.Timeout>();
  /** Channels that are being replaced. */
  readonly #coming = new Set<number>();
  /** How many were replaced. */
  replaced = 0;
  #closed = false;

  constructor(destination: Destination, intake: Intake) {
    this.#destination = destination;
    this.#intake = intake;
    const { channels, uuid, checksum } = intake.open;
    this.#first = Array.from({ length: channels }, () => undefined);
    this.#attempts = Array.from({ length: channels }, () => -1);
    this.#accepting = acceptResumed(destination.listener, {
      uuid,
      channels,
      extended: !destination.oneWay,
      features: checksum ? Feature.checksum : 0,
      expects: (id, attempt) => this.#expects(id, attempt),
      onResumed: (arrived) => this.#arrived(arrived),
      onFailure: (error) => this.#failed(error),
      onStranger: (peer, why) => destination.course.note(`${peer} was turned away: ${why.message}`),
    });
  }

  /** The first connections of all channels, by their ids: the caller's from now on. */
  async first(ms: number): Promise<readonly Connection[]> {
    const { signal } = this.#destination.course;
    await within(this.#all.promise, { what: 'The arrival of every channel', ms, signal });
    return this.#first.splice(0).filter((connection) => connection !== undefined);
  }

  /** A channel ended badly at this end: the source has to know, for it may not notice by itself. */
  lost(id: number, error: Error): void {
    const { course } = this.#destination;
    const known = this.#missing.has(id) || this.#coming.has(id);
    if (this.#closed || course.signal.aborted || known) return;
    const attempt = this.#attempts[id]!;
    course.emit({ type: 'channel', id, did: 'lost', attempt, why: error.message });
    const gone = () =>
      course.fail(
        new TransferError(
          'ERR_CHANNEL_LOST',
          `Channel ${id} broke (${error.message}) and nobody came in its place`,
          {
            cause: error,
          },
        ),
      );
    if (this.#destination.oneWay) gone();
    else {
      this.#missing.set(id, setTimeout(gone, 2 * course.timings.resumeMs));
      course.say({ kind: 'channel-lost', channel: id, attempt, why: error.message });
    }
  }

  /** From now on nothing is on its way that could be lost. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#missing.values()) clearTimeout(timer);
    this.#missing.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#accepting[Symbol.asyncDispose]();
    for (const connection of this.#first) await connection?.[Symbol.asyncDispose]();
  }

  /** How many barriers were read on channel `id`. Its thread, which may not have noticed anything, is ended for that. */
  async #expects(id: number, attempt: number): Promise<number> {
    const before = this.#attempts[id]!;
    if (attempt <= before || this.#closed)
      throw new TransferError(
        'ERR_TRANSFER_ORDER',
        `Attempt ${attempt} of channel ${id} after attempt ${before}`,
      );
    this.#attempts[id] = attempt;
    if (before < 0) return 0;
    this.#coming.add(id);
    const barriers = await this.#intake.channels!.drop(id);
    this.#intake.slots?.lostBy(id);
    return barriers;
  }

  #arrived({ id, connection, attempt }: ResumedChannel): void {
    const { course } = this.#destination;
    if (this.#intake.channels === undefined) {
      this.#first[id] = connection;
      if (this.#first.every((one) => one !== undefined)) this.#all.resolve();
      return;
    }
    clearTimeout(this.#missing.get(id));
    this.#missing.delete(id);
    this.replaced++;
    this.#intake.channels.replace(id, connection).then(
      () => {
        this.#coming.delete(id);
        course.emit({ type: 'channel', id, did: 'resumed', attempt });
      },
      (error: unknown) => {
        this.#coming.delete(id);
        this.lost(id, asError(error));
      },
    );
  }

  /** The files of a folder end somewhere. */
  #failed(error: Error): void {
    const all = this.#first.length === 0 || this.#first.every((one) => one !== undefined);
    if (!(this.#destination.oneWay && all)) this.#destination.course.fail(error);
  }
}
