/**
 * Entry of a lane: a worker thread that makes calls on the image which may wait for the storage, one after the other. It
 * touches no guest memory, only the buffers of its jobs, and never returns to its event loop before its end.
 */
import { workerData } from 'node:worker_threads';
import { signalEventfd } from '../../../sys/index.ts';
import { JOB_BYTES } from '../limits.ts';
import { JobTable, type SharedTable } from './job-table.ts';
import { type LaneImage, perform } from './perform.ts';

/** What a lane is started with. Plain data. */
export interface LaneStart {
  readonly table: SharedTable;
  readonly image: LaneImage;
  /** Address of the jobs' buffers, one behind the other. */
  readonly buffers: number;
  /** Number of the eventfd that tells the device's thread of finished jobs. */
  readonly bell: number;
}

const { table: shared, image, buffers, bell } = workerData as LaneStart;
const table = new JobTable(shared);
table.arrive();
for (let job = table.take(); job >= 0; job = table.take()) {
  // One that was called off is finished, too: its place is free again
  table.finish(job, table.begin(job) ? work(job) : 0);
  signalEventfd(bell);
}
table.removeLane();

function work(job: number): number {
  const buffer = buffers + job * JOB_BYTES;
  const operation = table.operation(job);
  return perform(image, operation, buffer, table.offset(job), table.length(job), table.mustBeStable(job));
}
