/**
 * Entry of the worker thread of one channel: blocking calls from and to mapped memory. Once its kinds are loaded it does not
 * return to its event loop before its end.
 */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { asError, FerryError } from '../../errors.ts';
import { Bell } from './bell.ts';
import { ChannelControl } from './control.ts';
import { ChannelAborted } from './errors.ts';
import type { PayloadKind } from './kind.ts';
import { ChannelPacketReader } from './packet-reader.ts';
import { ChannelPacketWriter } from './packet-writer.ts';
import { receiveAll } from './receive-loop.ts';
import { disposeAll, loadKinds } from './registry.ts';
import { sendAll } from './send-loop.ts';
import { ChannelStream } from './stream.ts';
import type { ChannelMessage, ChannelStart, WarmStart } from './thread-messages.ts';

function tell(message: ChannelMessage): void {
  parentPort?.postMessage(message);
}

/** Load what will be needed, and wait until it is. */
async function whenWanted({ modules }: WarmStart): Promise<ChannelStart | undefined> {
  const wanted = once(parentPort!, 'message');
  // Where one cannot be loaded, that is said when its kind is made
  await Promise.allSettled(modules.map((module) => import(module)));
  tell({ kind: 'warm' });
  const [start] = (await wanted) as [ChannelStart | undefined];
  return start;
}

function run(
  { id, direction, extended, checksum, ...start }: ChannelStart,
  control: ChannelControl,
  kinds: readonly PayloadKind[],
): void {
  using stream = new ChannelStream(start.stream, id, control);
  if (direction === 'send') {
    using packet = new ChannelPacketWriter(stream, checksum, `channel ${id}`);
    sendAll({ id, kinds, control, bell: new Bell(start.bell), stream, packet });
  } else {
    using packet = new ChannelPacketReader(stream, { checksum, extended }, `channel ${id}`);
    receiveAll({ id, kinds, control, stream, packet });
  }
}

async function serve(start: ChannelStart): Promise<void> {
  const { id, direction, extended } = start;
  const control = new ChannelControl(start.control);
  const kinds = await loadKinds(start.kinds, { id, channels: start.control.channels, direction, extended });
  try {
    tell({ kind: 'ready', names: kinds.map(({ name }) => name) });
    run(start, control, kinds);
  } finally {
    disposeAll(kinds);
  }
  tell({ kind: 'ended', orderly: true });
}

try {
  const given = workerData as ChannelStart | WarmStart;
  const start = 'modules' in given ? await whenWanted(given) : given;
  if (start !== undefined) await serve(start);
} catch (error) {
  const { message, stack } = asError(error);
  if (error instanceof ChannelAborted) tell({ kind: 'ended', orderly: false });
  else
    tell({ kind: 'failed', code: error instanceof FerryError ? error.code : 'ERR_CHANNEL', message, stack });
}
