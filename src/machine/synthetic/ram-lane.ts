/** The thread of a machine's processor: what the guest does in its memory. */
import { Control } from './control.ts';
import { digestMemory } from './digests.ts';
import type { MarkedPlace } from './marked-memory.ts';
import { RamWorkload } from './ram-workload.ts';
import { tasksBy, type Worker } from './tasks.ts';

/** What the thread is started with. Plain data. */
export interface RamLaneStart {
  readonly place: MarkedPlace;
  /** Bytes of written pages per second. */
  readonly rate: number;
  readonly control: SharedArrayBuffer;
}

/** What can be asked of the thread. */
export type RamTasks = ReturnType<typeof tasksOf>;

/** Makes what does the tasks. */
export function createRamLane({ place, rate, control }: RamLaneStart): Worker {
  return tasksBy(tasksOf(new RamWorkload(place, rate, new Control(control))), () => undefined);
}

function tasksOf(workload: RamWorkload) {
  return {
    fill: () => workload.fill(),
    wake: () => workload.wake(),
    /** Returns when the control says pause. */
    work: () => workload.work(),
    look: () => workload.look(),
    digests: ({ address, length }: { readonly address: number; readonly length: number }) =>
      digestMemory(address, length),
  };
}
