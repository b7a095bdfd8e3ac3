import { asError } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { ChannelError } from './errors.ts';
import { Gathering, type GatheringOptions } from './gathering.ts';
import type { Hello } from './hello.ts';
import { answerHello } from './identify.ts';
import { COLLECT_WITHIN } from './limits.ts';
import type { Listener } from './listen.ts';
import { FOR_EVER, type Patience, Wait } from './patience.ts';

/** What connections are collected for. */
export interface CollectOptions extends GatheringOptions {
  /** Whose main stream is expected; in stock mode whoever comes first by default. */
  readonly main?: 'qemu' | 'ferry';
}

/** All connections of a transfer. */
export interface Collected {
  readonly main: Connection;
  readonly protocol: 'qemu' | 'ferry';
  /** By their ids. */
  readonly channels: readonly Connection[];
  /** The `Feature` bits of both ends. */
  readonly features: number;
}

/**
 * Accept the main connection and all channels of a transfer, in whatever order they come. Whoever is neither, or one of them a
 * second time, is turned away. Rejects with `ERR_DEADLINE`, naming what is missing, and with `ERR_TOO_MANY_STRANGERS`.
 */
export async function collectConnections(
  listener: Listener,
  options: CollectOptions,
  patience: Patience = {},
): Promise<Collected> {
  const wait = new Wait(patience, COLLECT_WITHIN);
  const found = new Found(options);
  await using gathering = new Gathering(listener, options, async (connection, identity, each) => {
    if (identity.kind === 'main') found.putMain(connection, identity.protocol);
    else await found.putChannel(connection, identity.hello, each);
  });
  await gathering.until(
    () => found.all !== undefined,
    wait,
    () => found.missing,
  );
  const all = found.all!;
  gathering.keep(all.main, ...all.channels);
  return all;
}

/** A channel that came back. */
export interface ResumedChannel {
  readonly id: number;
  readonly connection: Connection;
  /** Counts the connections of this channel, from 0 on. */
  readonly attempt: number;
  /** The `Feature` bits of both ends. */
  readonly features: number;
}

/** How channels that come back are taken. */
export interface ResumeOptions extends GatheringOptions {
  /**
   * How many barriers were read on channel `id` so far, once its thread has ended. Throws where it is not expected in this
   * attempt.
   */
  readonly expects: (id: number, attempt: number) => number | Promise<number>;
  /** Takes over one that came back, after it was answered. */
  readonly onResumed: (resumed: ResumedChannel) => void;
  /** No more can come: the listener failed, or too many strangers were turned away. */
  readonly onFailure: (error: Error) => void;
}

/** Accept channels that come back over another connection (extended mode), until it is disposed of. */
export function acceptResumed(listener: Listener, options: ResumeOptions): AsyncDisposable {
  const gathering = new Gathering(listener, options, async (connection, identity, wait) => {
    if (identity.kind === 'main')
      throw new ChannelError(
        'ERR_UNKNOWN_CONNECTION',
        `${connection.peer} is a main connection, which does not come back`,
      );
    const { id, extension } = identity.hello;
    const attempt = extension?.attempt ?? 0;
    const offer = { features: options.features ?? 0, barriersSeen: await options.expects(id, attempt) };
    const features = await answerHello(connection, identity.hello, offer, wait);
    gathering.keep(connection);
    options.onResumed({ id, connection, attempt, features });
  });
  gathering
    .until(
      () => false,
      new Wait({}, FOR_EVER),
      () => 'a channel that comes back',
    )
    .catch((error: unknown) => options.onFailure(asError(error)));
  return gathering;
}

/** What has arrived so far. */
class Found {
  readonly #options: CollectOptions;
  readonly #channels: (Connection | undefined)[];
  /** Channels that are there, or just being answered. */
  readonly #claimed = new Set<number>();
  #main: { readonly main: Connection; readonly protocol: 'qemu' | 'ferry' } | undefined;
  #features: number | undefined;

  constructor(options: CollectOptions) {
    this.#options = options;
    this.#channels = new Array<undefined>(options.channels).fill(undefined);
  }

  get all(): Collected | undefined {
    const channels = this.#channels.filter((connection) => connection !== undefined);
    if (this.#main === undefined || channels.length < this.#channels.length) return undefined;
    return { ...this.#main, channels, features: this.#features ?? 0 };
  }

  get missing(): string {
    const ids = this.#channels.flatMap((connection, id) => (connection === undefined ? [id] : []));
    const main = this.#main === undefined ? ['the main connection'] : [];
    return [...main, ...(ids.length > 0 ? [`channels ${ids.join(', ')}`] : [])].join(' and ');
  }

  putMain(connection: Connection, protocol: 'qemu' | 'ferry'): void {
    const { main, extended } = this.#options;
    if (this.#main !== undefined)
      throw new ChannelError('ERR_UNKNOWN_CONNECTION', 'The main connection is there already');
    const expected = main ?? (extended ? 'ferry' : protocol);
    if (protocol !== expected)
      throw new ChannelError(
        'ERR_UNKNOWN_CONNECTION',
        `A main stream of ${protocol}, expected one of ${expected}`,
      );
    this.#main = { main: connection, protocol };
  }

  async putChannel(connection: Connection, hello: Hello, wait: Wait): Promise<void> {
    const { id } = hello;
    if (this.#claimed.has(id)) throw new ChannelError('ERR_HELLO', `Channel ${id} is there already`);
    this.#claimed.add(id);
    try {
      const offer = { features: this.#options.features ?? 0, barriersSeen: 0 };
      const features = await answerHello(connection, hello, offer, wait);
      this.#features ??= features;
      if (features !== this.#features)
        throw new ChannelError(
          'ERR_HELLO',
          `Channel ${id} has features ${features}, others ${this.#features}`,
        );
      this.#channels[id] = connection;
    } catch (error) {
      this.#claimed.delete(id);
      throw error;
    }
  }
}
