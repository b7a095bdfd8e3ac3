import type { Course } from '../course.ts';
import type { DestinationPhase } from '../phases.ts';
import type { Intake } from './destination.ts';

/**
 * Tell the source how much of each device it may send, and how much has arrived, whenever that has grown, until the transfer
 * does not go on. What changes while a word is under way goes with the next one.
 */
export async function grantCredits(
  course: Course<DestinationPhase>,
  { slots, devices }: Intake,
): Promise<void> {
  if (slots === undefined) return;
  const { signal } = course;
  const said = devices.map(() => ({ credit: 0, received: 0 }));
  const ended = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  while (!signal.aborted) {
    const { seen } = slots;
    for (const [device, before] of said.entries()) {
      const { credit, received } = slots.device(device);
      if (credit > before.credit) course.say({ kind: 'credit', device, below: credit });
      if (received > before.received) course.say({ kind: 'received', device, below: received });
      said[device] = { credit, received };
    }
    await Promise.race([course.link!.flushed(), ended]);
    await Promise.race([slots.changed(seen), ended]);
  }
}
