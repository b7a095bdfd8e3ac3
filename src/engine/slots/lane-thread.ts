/** Entry of a lane's thread: it makes what does the work, and does one task after the other. A task may block. */
import { workerData } from 'node:worker_threads';
import { asError, FerryError } from '../../errors.ts';
import { SlotError } from './errors.ts';
import type { LaneFailure, LaneMessage, LaneStart, LaneTask } from './lane-messages.ts';

/** What does a lane's work. Both may return a promise. */
type LaneFactory = (start: unknown) => unknown;
type LaneWork = (task: unknown) => unknown;

const { module, factory, start, port } = workerData as LaneStart;

function send(message: LaneMessage): void {
  port.postMessage(message);
}

/** The module cannot be known to the compiler: what it exports is looked at here. */
async function makeWork(): Promise<LaneWork> {
  const exported: unknown = await import(module);
  const make: unknown = Reflect.get(Object(exported), factory);
  if (typeof make !== 'function') throw new SlotError('ERR_LANE', `${module} exports no function ${factory}`);
  const work: unknown = await (make as LaneFactory)(start);
  if (typeof work !== 'function')
    throw new SlotError('ERR_LANE', `What ${factory} of ${module} makes is no function that does tasks`);
  return work as LaneWork;
}

async function answer(work: LaneWork, { id, task }: LaneTask): Promise<LaneMessage> {
  try {
    return { kind: 'done', id, answer: await work(task) };
  } catch (thrown) {
    return { kind: 'failed', id, error: failureOf(thrown) };
  }
}

function failureOf(thrown: unknown): LaneFailure {
  const error = asError(thrown);
  const ours = error instanceof FerryError;
  return {
    code: ours ? error.code : undefined,
    message: error.message,
    stack: error.stack,
    retry: ours && error.retry,
  };
}

const work = await makeWork();
let before: Promise<void> = Promise.resolve();
port.on('message', (task: LaneTask) => {
  before = before.then(async () => send(await answer(work, task)));
});
send({ kind: 'ready' });
