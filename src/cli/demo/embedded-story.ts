import { runEmbedded } from '../../machine/index.ts';
import { serveFs } from './serve-fs.ts';
import type { Timeline } from './timeline.ts';

const MEMORY = '256M';
const BEFORE_MS = 1_500;
const PRE_COPY_MS = 500;
const AFTER_MS = 1_500;

/**
 * The same story without QEMU: Ferry's own front end is the guest, works on a first Ferry process, moves to a second
 * one, and looks whether everything it had open is as it was.
 */
export async function tellEmbeddedStory(
  timeline: Timeline,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await using here = await serveFs(folder, 'fs-a', MEMORY, signal);
  await using there = await serveFs(folder, 'fs-b', MEMORY, signal);
  const plan = {
    first: here.socket,
    second: there.socket,
    beforeMs: BEFORE_MS,
    preCopyMs: PRE_COPY_MS,
    afterMs: AFTER_MS,
  };
  await runEmbedded(
    plan,
    (event) => {
      switch (event.type) {
        case 'begun':
          timeline.step(
            'Files open (half of them deleted), a large deleted file, a lock, a half-read directory',
          );
          break;
        case 'moving':
          timeline.step('Moving the device to a second Ferry process; written pages are logged from here on');
          break;
        case 'moved': {
          const { downtimeMs, saveMs, loadMs, stateBytes, dirtyPages } = event.move;
          timeline.step('The device runs in the second process');
          timeline.figure('downtime', downtimeMs, 'ms');
          timeline.figure('of it saving', saveMs, 'ms');
          timeline.figure('of it loading', loadMs, 'ms');
          timeline.figure("the file system's state", stateBytes, 'bytes');
          timeline.figure('pages of guest memory logged as written', dirtyPages, 'pages');
          break;
        }
        case 'proven':
          timeline.figure('longest gap between two answers', event.longestGap, 'ms');
          for (const { what, ok, found } of event.observations) timeline.check(what, ok, found);
      }
    },
    signal,
  );
}
