import { type Connection, connect, Feature, openChannel } from '../../channels/index.ts';
import { PeerError } from '../errors.ts';
import type { Source } from './source.ts';

/** A channel's connection that has said and heard what there is to be said: the first one, or another in its place. */
export async function connectChannel(
  source: Source,
  id: number,
  attempt: number,
  ms: number,
): Promise<{ readonly connection: Connection; readonly barriersSeen: number }> {
  const { course, machine, tls } = source;
  const { signal, timings } = course;
  const { endpoint, proposal, tlsHost } = source.plan;
  const { channels, checksum } = proposal;
  const end = performance.now() + ms;
  const left = () => Math.min(timings.connectMs, Math.max(0, end - performance.now()));
  const connection = await connect(endpoint, id, { tls, tlsHost, signal, deadline: left() });
  if (source.plan.oneWay) source.files.push(connection.peer);
  try {
    const features = checksum ? Feature.checksum : 0;
    const { extended } = endpoint;
    const opening = { id, channels, uuid: machine.uuid, extended, features, attempt };
    const opened = await openChannel(connection, opening, { signal, deadline: left() });
    if (opened.features !== features)
      throw new PeerError(
        'ERR_HELLO',
        `Channel ${id} has features ${opened.features}, agreed were ${features}`,
      );
    return { connection, barriersSeen: opened.barriersSeen };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}
