/** A process that loads a machine from a folder, as its one argument says, once a line comes on its input. */
import { once } from 'node:events';
import { receiveMachine } from '../../../src/engine/transfer/index.ts';
import { Crew, TemperedMachine } from './tempered-machine.ts';
import { QUICK } from './transfer-rig.ts';

/** The program's argument, as JSON. */
export interface FolderPlan {
  readonly folder: string;
  /** Buffers of each device. */
  readonly totals: readonly number[];
  readonly slots: number;
  readonly spill: { readonly folder: string; readonly limit: number };
}

/** A line of its output: all threads of devices are there, or it is over. */
export type FolderSays =
  | { readonly says: 'ready' }
  | {
      readonly says: 'done';
      readonly outcome: string;
      readonly why: string | undefined;
      readonly budgetBytes: number;
      readonly loaded: readonly number[];
    };

function say(line: FolderSays): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const { folder, totals, slots, spill } = JSON.parse(process.argv[2] ?? '') as FolderPlan;
await using crew = await Crew.start(totals.length);
using machine = new TemperedMachine({ crew, totals, tempers: [] });
say({ says: 'ready' });
await once(process.stdin, 'data');
const { outcome, why, budgetBytes, devices } = await receiveMachine(machine.asDestination(), {
  at: `file:${folder}`,
  slots,
  spill,
  timings: QUICK,
});
say({ says: 'done', outcome, why, budgetBytes, loaded: devices.map(({ bytes }) => bytes) });
process.stdin.destroy();
