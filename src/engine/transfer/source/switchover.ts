import { DeadlineError } from '../../../errors.ts';
import { TransferError } from '../errors.ts';
import { within } from '../wait.ts';
import { makePass, passBarrier } from './passes.ts';
import type { Source } from './source.ts';

/** Watch what is written to memory from now on, and see that every channel works in both directions. */
export async function setUp(source: Source): Promise<void> {
  const { course, machine } = source;
  course.enter('setup');
  source.watching = true;
  await machine.dirty.start();
  await passBarrier(source);
}

/**
 * Stop the machine, and send what remains: the devices are saved at the same time, from the first moment on, and their state
 * goes before memory wherever a channel has both.
 */
export async function switchOver(source: Source): Promise<void> {
  const { course, machine, ram, slots, saves } = source;
  const { timings, signal } = course;
  course.enter('switchover');
  await stopMachine(source);
  course.say({ kind: 'switchover', pass: source.passes });
  for (const [device, { save }] of machine.devices.entries())
    saves.start(device, () => save(slots!.sink(device, { within: 4 * timings.saveMs }), { signal }));
  await machine.dirty.collect(ram.pages);
  do await makePass(source);
  while (ram.remaining() > 0);
  await saves.done(() => sentOf(source), timings.saveMs);
}

async function stopMachine(source: Source): Promise<void> {
  const { course, machine } = source;
  const { timings, signal } = course;
  source.stoppedAt = performance.now();
  try {
    source.stopping = machine.stop();
    await within(source.stopping, { what: 'The stop of the machine', ms: timings.stopMs, signal });
  } catch (error) {
    if (signal.aborted || error instanceof DeadlineError) throw error;
    throw new TransferError('ERR_MACHINE', `The machine could not be stopped: ${String(error)}`, {
      cause: error,
    });
  }
}

/** Counts whatever happens to device state here and there. */
function sentOf({ slots, machine, heard }: Source): number {
  let sent = heard;
  for (let device = 0; device < machine.devices.length; device++) sent += slots!.device(device).posted;
  return sent;
}

/** What the destination must find to be all of it. */
export function endOf({ slots, machine, ram, barriers, replacements }: Source) {
  const { normal, zero } = ram.counters();
  const devices = machine.devices.map((_, device) => ({ buffers: slots!.device(device).posted }));
  return { kind: 'end', barriers, normal, zero, channelsLost: replacements!.replaced, devices } as const;
}
