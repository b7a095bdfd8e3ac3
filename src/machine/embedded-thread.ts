/** The thread of an embedded machine, which blocks while its back end works; `runEmbedded` is its other end. */
import { parentPort, workerData } from 'node:worker_threads';
import { FerryError } from '../errors.ts';
import { EmbeddedMachine } from './embedded.ts';
import type { EmbeddedEvent, EmbeddedPlan } from './run-embedded.ts';

function tell(event: EmbeddedEvent): void {
  parentPort?.postMessage(event);
}

const { first, second, beforeMs, preCopyMs, afterMs } = workerData as EmbeddedPlan;
if (parentPort === null)
  throw new FerryError('ERR_THREAD', 'The embedded machine runs on a worker thread only');
using machine = new EmbeddedMachine();
machine.begin(first);
tell({ type: 'begun' });
machine.workload.run(beforeMs);
tell({ type: 'moving' });
const move = machine.moveTo(second, preCopyMs);
tell({ type: 'moved', move });
machine.workload.run(afterMs);
const observations = machine.workload.prove();
tell({ type: 'proven', observations, longestGap: machine.workload.longestGap });
