import type { Connection } from './connection.ts';
import { CHANNEL_MAGIC, FERRY_MAIN_MAGIC, QEMU_MAIN_MAGIC } from './constants.ts';
import { ChannelError } from './errors.ts';
import { receiveBytes, sendBytes } from './exchange.ts';
import { decodeHello, encodeHello, HELLO_BYTES, type Hello, type HelloExpected } from './hello.ts';
import { CONNECT_WITHIN } from './limits.ts';
import { type Patience, Wait } from './patience.ts';

/** What a new connection is. Nothing was taken from a main stream; a channel's hello was. */
export type Identity =
  | { readonly kind: 'main'; readonly protocol: 'qemu' | 'ferry' }
  | { readonly kind: 'channel'; readonly hello: Hello };

/**
 * Find out what `connection` is from its first four bytes, and read a channel's hello. Rejects with `ERR_UNKNOWN_CONNECTION`,
 * `ERR_HELLO`, `ERR_CHANNEL_CUT` and `ERR_DEADLINE`.
 */
export async function identify(
  connection: Connection,
  expected: HelloExpected,
  wait: Wait,
): Promise<Identity> {
  const what = `A word of what ${connection.peer} is`;
  const first = await receiveBytes(connection, 4, what, wait, { peek: true });
  const magic = new DataView(first.buffer).getUint32(0);
  if (magic === QEMU_MAIN_MAGIC) return { kind: 'main', protocol: 'qemu' };
  if (magic === FERRY_MAIN_MAGIC) return { kind: 'main', protocol: 'ferry' };
  if (magic !== CHANNEL_MAGIC)
    throw new ChannelError(
      'ERR_UNKNOWN_CONNECTION',
      `${connection.peer} begins with the bytes ${Buffer.from(first).toString('hex')}, which neither a main stream nor a channel does`,
    );
  const bytes = await receiveBytes(connection, HELLO_BYTES, `The hello of ${connection.peer}`, wait);
  return { kind: 'channel', hello: decodeHello(bytes, expected) };
}

/** What a channel is opened with. */
export interface ChannelOpening {
  readonly id: number;
  readonly channels: number;
  readonly uuid: Uint8Array;
  readonly extended: boolean;
  /** Extended: `Feature` bits that are wished for. */
  readonly features?: number;
  /** Extended: 0 for the channel's first connection, counting up. */
  readonly attempt?: number;
}

/** What the receiver has made of it. */
export interface ChannelOpened {
  /** The `Feature` bits of both ends; 0 towards stock peers. */
  readonly features: number;
  /** Barriers that the receiver has read on this channel so far. */
  readonly barriersSeen: number;
}

/**
 * Say hello on a new connection of the sending end, and in extended mode wait for the answer. Rejects with `ERR_HELLO`,
 * `ERR_CHANNEL_CUT` and `ERR_DEADLINE`.
 */
export async function openChannel(
  connection: Connection,
  opening: ChannelOpening,
  patience: Patience = {},
): Promise<ChannelOpened> {
  const { id, uuid, extended, features = 0, attempt = 0 } = opening;
  const wait = new Wait(patience, CONNECT_WITHIN);
  const hello = extended ? { uuid, id, extension: { features, attempt, barriersSeen: 0 } } : { uuid, id };
  await sendBytes(connection, encodeHello(hello), `The hello of channel ${id}`, wait);
  if (!extended) return { features: 0, barriersSeen: 0 };
  const what = `The answer to the hello of channel ${id}`;
  const answer = decodeHello(await receiveBytes(connection, HELLO_BYTES, what, wait), opening);
  return checkAnswer(answer, id, attempt, features);
}

function checkAnswer(
  { id, extension }: Hello,
  asked: number,
  attempt: number,
  offered: number,
): ChannelOpened {
  const refuse = (what: string) =>
    new ChannelError('ERR_HELLO', `The answer to the hello of channel ${asked} ${what}`);
  if (id !== asked) throw refuse(`is for channel ${id}`);
  if (extension === undefined) throw refuse('is a stock peer’s');
  if (extension.attempt !== attempt) throw refuse(`is for attempt ${extension.attempt}, expected ${attempt}`);
  if ((extension.features & ~offered) !== 0)
    throw refuse(
      `accepts features 0x${extension.features.toString(16)}, of which only 0x${offered.toString(16)} were offered`,
    );
  return { features: extension.features, barriersSeen: extension.barriersSeen };
}

/** Answer a channel's hello, in extended mode. Returns the features that both ends have. */
export async function answerHello(
  connection: Connection,
  { uuid, id, extension }: Hello,
  { features, barriersSeen }: ChannelOpened,
  wait: Wait,
): Promise<number> {
  if (extension === undefined) return 0;
  const accepted = extension.features & features;
  const answer = { uuid, id, extension: { features: accepted, attempt: extension.attempt, barriersSeen } };
  await sendBytes(connection, encodeHello(answer), `The answer to the hello of channel ${id}`, wait);
  return accepted;
}
