import { closeSync, fsyncSync, openSync } from 'node:fs';
import { asError } from '../../../errors.ts';
import type { Ending } from '../ending.ts';
import { NEVER, whileAdvancing, within } from '../wait.ts';
import type { Source } from './source.ts';
import { endOf } from './switchover.ts';

/**
 * Hand the machine over to the destination, once that has said that everything is there. Between `commit` and the
 * destination's word the machine is nobody's that could be asked.
 */
export async function handOver(source: Source): Promise<Ending> {
  const { course, replacements, channels } = source;
  const { timings, signal } = course;
  course.enter('loading');
  course.say(endOf(source));
  const loaded = course.next('The destination’s word that everything is there', NEVER, 'loaded');
  const what = 'The loading of everything at the destination';
  await whileAdvancing(loaded, () => source.heard, { what, ms: 2 * timings.loadMs, signal });
  course.enter('commit');
  replacements!.close();
  // Everything has arrived: how the channels end is of no interest to anybody
  void channels!.finish({ signal, deadline: timings.endMs }).catch(() => undefined);
  course.say({ kind: 'commit' });
  await course.next('The destination’s word that the machine runs', timings.startMs, 'started');
  source.startedAt = performance.now();
  course.link!.mayEnd();
  course.enter('ended');
  return { outcome: 'completed', machineAt: 'destination', ...(await release(source)) };
}

/** Leave the machine in the folder: everything is on disk before its last message is. */
export async function keepInFolder(source: Source, folder: string): Promise<Ending> {
  const { course, replacements, channels } = source;
  const { timings, signal } = course;
  course.enter('loading');
  replacements!.close();
  const finished = channels!.finish({ signal, deadline: NEVER });
  const what = 'Everything on disk';
  await whileAdvancing(finished, () => source.bytes, { what, ms: timings.stallMs, signal });
  course.say(endOf(source));
  await course.link!.close(timings.stallMs);
  signal.throwIfAborted();
  syncFolder(folder);
  course.enter('ended');
  return { outcome: 'completed', machineAt: 'folder', ...(await release(source)) };
}

/** Give up what is not needed any more. What goes wrong with that changes nothing of the outcome. */
async function release({ course, machine }: Source): Promise<{ more?: string }> {
  try {
    await within(machine.release(), { what: 'The release of the machine', ms: course.timings.undoMs });
    return {};
  } catch (error) {
    return { more: `It could not be released here: ${asError(error).message}` };
  }
}

/** The names of new files are on disk as well. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
