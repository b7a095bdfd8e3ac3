import { TlsContext } from '../../../sys/index.ts';
import { Channels, type Connection, connect } from '../../channels/index.ts';
import { startCompression } from '../compression.ts';
import { PeerError } from '../errors.ts';
import { watchProgress } from '../progress.ts';
import { connectChannel } from './channel.ts';
import { Replacements } from './replacements.ts';
import type { Source } from './source.ts';

/** Connect to the destination, and agree with it on what will be sent. Nothing is touched before it has agreed. */
export async function open(source: Source): Promise<void> {
  const { course, plan } = source;
  const { timings, signal } = course;
  if (plan.tls !== undefined) source.tls = new TlsContext(plan.tls);
  const { tls } = source;
  const { tlsHost, endpoint } = plan;
  source.warmUp();
  const main = await connect(endpoint, 'main', { tls, tlsHost, signal, deadline: timings.connectMs });
  if (plan.oneWay) source.files.push(main.peer);
  course.talk(main.stream('send'), plan.oneWay ? 'write' : undefined);
  course.enter('open');
  course.say(plan.proposal);
  if (!plan.oneWay) {
    const answer = await course.next('The answer of the destination', timings.openMs, 'accept', 'refuse');
    if (answer.kind === 'refuse') {
      const error = new PeerError(answer.code, `The destination refuses the machine: ${answer.why}`);
      course.stop({ outcome: 'failed', error, from: 'peer' });
      throw error;
    }
  }
  await startChannels(source);
  const { channels } = plan.proposal;
  course.emit({ type: 'opened', peer: main.peer, channels, budgetBytes: source.budgetBytes });
}

/** Connect all channels, and start a thread for each. */
async function startChannels(source: Source): Promise<void> {
  const { course, plan } = source;
  const { signal, timings } = course;
  source.pool = await startCompression(source.slots, plan.proposal.deviceMethod, course);
  const connections: Connection[] = [];
  try {
    for (let id = 0; id < plan.proposal.channels; id++)
      connections.push((await connectChannel(source, id, 0, timings.openMs)).connection);
  } catch (error) {
    for (const connection of connections) await connection[Symbol.asyncDispose]();
    throw error;
  }
  const replacements = new Replacements(source);
  source.replacements = replacements;
  const threads = source.threads!;
  source.channels = await Channels.start(
    {
      direction: 'send',
      connections,
      kinds: source.kinds,
      extended: plan.endpoint.extended,
      checksum: plan.proposal.checksum,
      bell: source.bell,
      threads,
      resumable: true,
      onFailure: (id, error) => replacements.lostHere(id, error),
      packetMs: timings.packetMs,
    },
    { signal, deadline: timings.openMs },
  );
  source.report = watchProgress(course, timings.reportMs, () => source.progress);
}
