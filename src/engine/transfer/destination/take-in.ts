import { everyChannelAt } from '../barrier.ts';
import type { MessageOf } from '../control/messages.ts';
import { titleOf } from '../device-work.ts';
import { TransferError } from '../errors.ts';
import { NEVER } from '../wait.ts';
import type { Destination, Intake } from './destination.ts';
import { grantCredits } from './grants.ts';

/**
 * Receive until the source says that all was sent. Devices are loaded as their state comes: nothing here waits for any of
 * them before the last barrier was passed.
 */
export async function takeIn(destination: Destination, intake: Intake): Promise<void> {
  const { course, oneWay } = destination;
  course.enter('receive');
  if (!oneWay) grantCredits(course, intake).catch((error: unknown) => course.fail(error));
  startLoads(destination, intake);
  for (;;) {
    const message = await course.next('Word from the source', NEVER, 'barrier', 'switchover', 'end');
    if (message.kind === 'barrier') await passBarrier(destination, intake, message.n);
    else if (message.kind === 'switchover') watchLoads(destination, intake);
    else return await loadAll(destination, intake, message);
  }
}

function startLoads({ course }: Destination, { devices, slots, loads }: Intake): void {
  const { signal } = course;
  for (const [device, { load }] of devices.entries())
    loads.start(
      device,
      () => load(slots!.source(device, { within: NEVER }), { signal }),
      (ms) => course.say({ kind: 'device-loaded', device, ms, bytes: slots!.device(device).bytes }),
    );
}

/**
 * The machine stands still at the source, and the state of its devices comes: one that is stuck keeps the source from sending
 * the rest, and only this end can name it.
 */
function watchLoads({ course }: Destination, intake: Intake): void {
  const { slots, loads } = intake;
  course.note('The machine stands still at the source');
  const hasWork = (device: number) => {
    const { received, next } = slots!.device(device);
    return received > next;
  };
  loads
    .done(() => intake.loaded + intake.bytes, course.timings.loadMs, hasWork)
    .catch((error: unknown) => course.fail(error));
}

/** Wait until every channel is at the barrier, so that nothing older can come after what is newer, and let them go on. */
async function passBarrier({ course }: Destination, intake: Intake, barrier: number): Promise<void> {
  const { signal, timings } = course;
  const channels = intake.channels!;
  if (barrier !== intake.barriers + 1)
    throw new TransferError('ERR_TRANSFER_ORDER', `Barrier ${barrier} after barrier ${intake.barriers}`);
  const advanced = () => intake.bytes + intake.loaded + intake.arrivals!.replaced;
  const count = intake.open.channels;
  await everyChannelAt(channels, { barrier, count, did: 'read' }, advanced, {
    ms: timings.barrierMs,
    signal,
  });
  intake.barriers = barrier;
  channels.releaseBarrier(barrier);
  course.say({ kind: 'barrier-done', n: barrier });
}

/** Wait for every device, and see that what has come is what was sent. */
async function loadAll({ course }: Destination, intake: Intake, end: MessageOf<'end'>): Promise<void> {
  course.enter('load');
  await intake.loads.done(() => intake.loaded + intake.bytes, course.timings.loadMs);
  const wrong = differences(intake, end);
  if (wrong.length > 0)
    throw new TransferError('ERR_TRANSFER_TOTALS', `What arrived is not what was sent: ${wrong.join('; ')}`);
}

function differences({ slots, devices, barriers, ram, arrivals }: Intake, end: MessageOf<'end'>): string[] {
  const { normal, zero } = ram.counters();
  const replaced = end.channelsLost + arrivals!.replaced;
  const counts: [string, number, number][] = [
    ['barriers', barriers, end.barriers],
    ['devices', devices.length, end.devices.length],
    // Pages that a broken channel carried came once or twice
    ...(replaced > 0
      ? []
      : ([
          ['pages', normal, end.normal],
          ['zero pages', zero, end.zero],
        ] as [string, number, number][])),
    ...end.devices.flatMap(({ buffers }, device): [string, number, number][] => {
      const name = devices[device];
      return name === undefined ? [] : [[`buffers of ${titleOf(name)}`, slots!.device(device).next, buffers]];
    }),
  ];
  return counts.flatMap(([what, found, expected]) =>
    found === expected ? [] : [`${found} ${what}, expected ${expected}`],
  );
}
