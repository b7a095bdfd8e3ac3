import { Channels, collectConnections } from '../../channels/index.ts';
import { startCompression } from '../compression.ts';
import { VERSION } from '../control/messages.ts';
import { TransferError } from '../errors.ts';
import { MAX_CHANNELS } from '../limits.ts';
import { watchProgress } from '../progress.ts';
import { NEVER } from '../wait.ts';
import { objections } from './agreement.ts';
import { Arrivals } from './arrivals.ts';
import { type Destination, Intake } from './destination.ts';

/** Wait for a source, look at what it proposes, and refuse it or start to receive. Nothing is touched where it is refused. */
export async function answer(destination: Destination): Promise<Intake> {
  const { course, listener, machine, oneWay, options } = destination;
  const { timings, signal } = course;
  const { main } = await collectConnections(
    listener,
    {
      uuid: machine.uuid,
      channels: 0,
      extended: !oneWay,
      main: 'ferry',
      onStranger: (peer, why) => course.note(`${peer} was turned away: ${why.message}`),
      identifyMs: timings.connectMs,
    },
    { signal, deadline: timings.acceptMs },
  );
  destination.peer = main.peer;
  course.enter('answer');
  course.talk(main.stream('receive'), oneWay ? 'read' : undefined);
  const open = await course.next('The source’s proposal', timings.openMs, 'open');
  const against = objections(open, machine, { oneWay, maxChannels: options.maxChannels ?? MAX_CHANNELS });
  if (against.length > 0) throw refuse(destination, against.join('; '));
  const intake = new Intake(destination, open);
  destination.intake = intake;
  await startChannels(destination, intake);
  return intake;
}

function refuse({ course }: Destination, why: string): TransferError {
  course.say({ kind: 'refuse', code: 'ERR_TRANSFER_REFUSED', why });
  const error = new TransferError('ERR_TRANSFER_REFUSED', `The machine of the source does not fit: ${why}`);
  // What there is to be said about it was said
  course.stop({ outcome: 'failed', error, from: 'peer' });
  return error;
}

async function startChannels(destination: Destination, intake: Intake): Promise<void> {
  const { course, oneWay, peer } = destination;
  const { timings, signal } = course;
  intake.pool = await startCompression(intake.slots, intake.open.deviceMethod, course);
  const arrivals = new Arrivals(destination, intake);
  intake.arrivals = arrivals;
  course.say({ kind: 'accept', version: VERSION, budget: intake.budgetBytes });
  const { channels, checksum } = intake.open;
  intake.channels = await Channels.start(
    {
      direction: 'receive',
      connections: await arrivals.first(timings.openMs),
      kinds: intake.kinds,
      extended: !oneWay,
      checksum,
      resumable: true,
      onFailure: (id, error) => arrivals.lost(id, error),
      packetMs: timings.packetMs,
      idleMs: NEVER,
      threads: destination.threads,
    },
    { signal, deadline: timings.openMs },
  );
  // Those that no channel needed
  await destination.threads[Symbol.asyncDispose]();
  intake.report = watchProgress(course, timings.reportMs, () => intake.progress);
  course.emit({ type: 'opened', peer, channels, budgetBytes: intake.budgetBytes });
}
