import { rmSync } from 'node:fs';
import { asError } from '../../../errors.ts';
import type { Cause } from '../course.ts';
import type { Ending } from '../ending.ts';
import { within } from '../wait.ts';
import type { Source } from './source.ts';

/**
 * The way out of every phase of a source in which something has failed or was cancelled. Whatever happens from here on, the
 * machine runs here again, unless it may run elsewhere.
 */
export async function rollBack(source: Source, thrown: unknown): Promise<Ending> {
  const { course } = source;
  if (course.cause === undefined) course.fail(thrown);
  const cause = course.cause!;
  const { failure } = course.rule;
  if (failure === 'unknown' && cause.from === 'here') {
    course.enter('ended');
    const more =
      'the destination was told to start the machine and gave no answer: it may run there, and stands still here';
    return { outcome: 'unknown', machineAt: 'unknown', cause, more };
  }
  if (failure !== 'ends') course.enter('roll-back');
  tellPeer(source, cause);
  source.slots?.cancel();
  source.channels?.abort(cause.error);
  const undone = await resume(source);
  // A folder that holds half a machine is of no use to anybody
  for (const path of source.files) rmSync(path, { force: true });
  course.enter('ended');
  return { outcome: cause.outcome, cause, ...undone };
}

function tellPeer({ course }: Source, { outcome, error, from }: Cause): void {
  if (from === 'peer') return;
  const { message: why, code } = error;
  course.say(outcome === 'cancelled' ? { kind: 'cancel', why } : { kind: 'failed', code, why });
}

/** Have the machine run on, as soon as no device is being saved any more. */
async function resume({
  course,
  machine,
  saves,
  stoppedAt,
  stopping,
}: Source): Promise<Pick<Ending, 'machineAt' | 'more'>> {
  if (stoppedAt === undefined) return { machineAt: 'source' };
  await saves.settle(course.timings.endMs);
  await settled(stopping, course.timings.stopMs);
  try {
    await within(machine.resume(), { what: 'The machine’s running on', ms: course.timings.undoMs });
    return { machineAt: 'source' };
  } catch (error) {
    return { machineAt: 'nowhere', more: `and it does not run on here: ${asError(error).message}` };
  }
}

/** A stop that is still under way comes to its end first, however it ends, unless it takes too long. */
async function settled(stopping: Promise<void> | undefined, ms: number): Promise<void> {
  const end = Promise.allSettled([stopping]);
  await within(end, { what: 'The stop of the machine', ms }).catch(() => undefined);
}
