import { asError } from '../../../errors.ts';
import type { Ending } from '../ending.ts';
import { within } from '../wait.ts';
import type { Destination } from './destination.ts';

/**
 * The way out of every phase of a destination in which something has failed or was cancelled. From its first word on, no
 * `commit` is listened to: the machine never runs here.
 */
export async function discard(destination: Destination, thrown: unknown): Promise<Ending> {
  const { course, intake } = destination;
  if (course.cause === undefined) course.fail(thrown);
  const cause = course.cause!;
  const { failure } = course.rule;
  if (failure !== 'ends') course.enter('discard');
  if (cause.from === 'here') {
    const { message: why, code } = cause.error;
    course.say(cause.outcome === 'cancelled' ? { kind: 'cancel', why } : { kind: 'failed', code, why });
  }
  intake?.slots?.cancel();
  // Threads write to the machine's memory until they have ended
  await intake?.channels?.[Symbol.asyncDispose]();
  const undone = failure === 'ends' ? {} : await discarded(destination);
  course.enter('ended');
  return { outcome: cause.outcome, machineAt: 'source', cause, ...undone };
}

async function discarded({ machine, course, intake }: Destination): Promise<{ more?: string }> {
  await intake?.loads.settle(course.timings.endMs);
  try {
    await within(machine.discard(), { what: 'The end of what was received', ms: course.timings.undoMs });
    return {};
  } catch (error) {
    return { more: `and what was received could not be given up: ${asError(error).message}` };
  }
}
