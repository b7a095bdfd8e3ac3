import { FerryError } from '../../errors.ts';

/** What a thread is asked to do. Plain data. */
export interface Task {
  readonly command: string;
  readonly arg: unknown;
}

/** Functions by name, each with one argument at most. What goes in and comes out is plain data. */
export type TaskTable = Readonly<Record<string, (arg: never) => unknown>>;

/** What a thread does tasks with. Disposing of it gives up what it has. */
export type Worker = ((task: Task) => unknown) & Disposable;

/** Does tasks by the functions of `table`, and `end` in the end. */
export function tasksBy(table: TaskTable, end: () => void): Worker {
  const byName = new Map(Object.entries(table));
  const work = ({ command, arg }: Task): unknown => {
    const found = byName.get(command);
    if (found === undefined) throw new FerryError('ERR_THREAD', `This thread knows no task ${command}`);
    // The other end is typed by the same table
    return found(arg as never);
  };
  return Object.assign(work, { [Symbol.dispose]: end });
}
