/** Both ends of the channels of one transfer, in one process. */
import {
  Channels,
  type ChannelsOptions,
  type Connection,
  collectConnections,
  connect,
  type Endpoint,
  listen,
  openChannel,
  socketConnection,
} from '../../../src/engine/channels/index.ts';
import { createSocketPair, type Fd, readInto, type TlsContext, writeFrom } from '../../../src/sys/index.ts';

/** The UUID of the machine in these tests. */
export const uuid = new Uint8Array(Array.from({ length: 16 }, (_, i) => i + 1));

/** Certificates of both ends. */
export interface Certificates {
  readonly sender: TlsContext;
  readonly receiver: TlsContext;
}

/** Both ends of `channels` connections over sockets, identified; `order`: in which they are made. */
export async function connectEnds(
  endpoint: Endpoint,
  channels: number,
  { tls, order }: { tls?: Certificates | undefined; order?: readonly number[] } = {},
): Promise<{
  sending: Connection[];
  receiving: readonly Connection[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  await using listener = await listen(endpoint, { tls: tls?.receiver });
  const { extended } = endpoint;
  const collected = collectConnections(listener, { uuid, channels, extended });
  const main = await connect(listener.endpoint, 'main', { tls: tls?.sender });
  const stream = main.stream('send');
  stream.write(extended ? 'FRCT' : 'QEVM');
  const sending: Connection[] = [];
  for (const id of order ?? Array.from({ length: channels }, (_, i) => i)) {
    const connection = await connect(listener.endpoint, id, { tls: tls?.sender });
    sending[id] = connection;
    await openChannel(connection, { id, channels, uuid, extended });
  }
  const all = await collected;
  return {
    sending,
    receiving: all.channels,
    async [Symbol.asyncDispose]() {
      stream.destroy();
      await all.main[Symbol.asyncDispose]();
    },
  };
}

/** A sending or receiving end over socket pairs, whose far ends are the test's. */
export async function endOf(
  direction: 'send' | 'receive',
  count: number,
  options: Omit<ChannelsOptions, 'direction' | 'connections'>,
): Promise<{ channels: Channels; far: Fd[] }> {
  const pairs = Array.from({ length: count }, (_, id) => createSocketPair(`channel ${id}`));
  const connections = pairs.map(([near], id) => socketConnection(near, `far end ${id}`));
  const far = pairs.map(([, end]) => end);
  try {
    return { channels: await Channels.start({ ...options, direction, connections }), far };
  } catch (error) {
    for (const end of far) end[Symbol.dispose]();
    throw error;
  }
}

/** Write all of `bytes`; the other end reads. */
export function sendAll(fd: Fd, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += writeFrom(fd, bytes.subarray(at)));
}

/** Read `length` bytes; the other end writes them. */
export function readAll(fd: Fd, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readInto(fd, bytes.subarray(at));
    if (count === 0) throw new Error(`The stream ends after ${at} of ${length} bytes`);
    at += count;
  }
  return bytes;
}
