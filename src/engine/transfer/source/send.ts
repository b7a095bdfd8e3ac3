import { asError } from '../../../errors.ts';
import { describeEnding, type Ending } from '../ending.ts';
import type { SourceMachine } from '../machine.ts';
import type { SendOptions } from '../options.ts';
import type { DeviceOutcome, Outcome } from '../outcome.ts';
import { open } from './connect.ts';
import { handOver, keepInFolder } from './hand-over.ts';
import { preCopy } from './passes.ts';
import { rollBack } from './roll-back.ts';
import { Source } from './source.ts';
import { setUp, switchOver } from './switchover.ts';

/**
 * Send a running machine to another process, or into a folder. Resolves when the outcome is certain, or certain to be unknown,
 * and everything that was held is given back. Rejects only for options and machines that cannot be (`ERR_TRANSFER_OPTIONS`,
 * `ERR_ENDPOINT`, `ERR_RAM_BLOCKS`, `ERR_SLOT_LIMITS`), before anything is done.
 */
export async function sendMachine(machine: SourceMachine, options: SendOptions): Promise<Outcome> {
  const source = new Source(machine, options);
  let ending: Ending;
  try {
    ending = await walk(source);
  } catch (error) {
    ending = await rollBack(source, error);
  }
  const quarantined = await windUp(source);
  return outcomeOf(source, ending, quarantined);
}

async function walk(source: Source): Promise<Ending> {
  const { endpoint } = source.plan;
  source.course.signal.throwIfAborted();
  await open(source);
  await setUp(source);
  await preCopy(source);
  await switchOver(source);
  return endpoint.transport === 'file' ? keepInFolder(source, endpoint.path) : handOver(source);
}

/** Give everything back. Returns what does not return, whose memory is kept. */
async function windUp(source: Source): Promise<string[]> {
  const { course, slots, channels, saves, report, pool } = source;
  const { endMs } = course.timings;
  report?.[Symbol.dispose]();
  slots?.cancel();
  await channels?.[Symbol.asyncDispose]();
  await source.threads?.[Symbol.asyncDispose]();
  const stuck = await saves.settle(endMs);
  if ((await pool?.end()) === false) {
    stuck.push('compression');
    slots?.quarantine();
  }
  saves.whenReturned(() => slots?.[Symbol.dispose]());
  if (source.watching) await unwatch(source);
  await course.link?.close(endMs);
  source.tls?.[Symbol.dispose]();
  course[Symbol.dispose]();
  return stuck;
}

/** Whoever watched the machine's memory may not be able to stop: that changes nothing of the outcome. */
async function unwatch({ course, machine }: Source): Promise<void> {
  try {
    await machine.dirty.stop();
  } catch (error) {
    course.note(`What watched the machine’s memory did not stop: ${asError(error).message}`);
  }
}

function outcomeOf(source: Source, ending: Ending, quarantined: readonly string[]): Outcome {
  const { course, machine, stoppedAt, startedAt, saves, slots } = source;
  const devices = machine.devices.map(({ idstr, instance }, device): DeviceOutcome => {
    const [ms, loadMs] = [saves.msOf(device), source.loadMs[device]];
    return {
      idstr,
      instance,
      bytes: slots?.device(device).bytes ?? 0,
      ...(ms === undefined ? {} : { ms }),
      ...(loadMs === undefined ? {} : { loadMs }),
    };
  });
  const downtime =
    stoppedAt === undefined || startedAt === undefined
      ? {}
      : { downtimeMs: Math.round(startedAt - stoppedAt) };
  return {
    ...describeEnding(ending),
    passes: source.passes,
    bytes: source.bytes,
    ...downtime,
    totalMs: Math.round(course.elapsedMs),
    phases: course.log.times,
    devices,
    budgetBytes: source.budgetBytes,
    quarantined,
  };
}
