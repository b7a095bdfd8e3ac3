/** Entry of a lane's thread: it makes what does the work, and does one task after the other. A task may block. */
import { workerData } from 'node:worker_threads';
import { asError, FerryError } from '../../errors.ts';
import { SlotError } from './errors.ts';
import { type LaneFailure, type LaneMessage, type LaneStart, type LaneTask, READY } from './lane-messages.ts';

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

async function answer(id: number, work: () => unknown): Promise<boolean> {
  try {
    send({ kind: 'done', id, answer: await work() });
    return true;
  } catch (thrown) {
    send({ kind: 'failed', id, error: failureOf(thrown) });
    return false;
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

/** Do tasks until the end is asked for; then what does them is disposed of, where it can be. */
function serve(work: LaneWork): void {
  let before: Promise<unknown> = Promise.resolve();
  port.on('message', ({ id, task }: LaneTask) => {
    before = before.then(async () => {
      if (id === undefined) await end(work);
      else await answer(id, () => work(task));
    });
  });
}

async function end(work: LaneWork): Promise<void> {
  const dispose: unknown = Reflect.get(work, Symbol.dispose);
  if (typeof dispose === 'function') await (dispose as LaneWork).call(work, undefined);
  port.close();
}

const isReady = await answer(READY, async () => serve(await makeWork()));
if (!isReady) port.close();
