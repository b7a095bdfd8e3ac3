import { FerryError } from '../../errors.ts';

/** What a thread is asked to do. Plain data. */
export interface Task {
  readonly command: string;
  readonly arg: unknown;
}

/** Functions by name, each with one argument at most. What goes in and comes out is plain data. `end` comes last. */
export type TaskTable = Readonly<Record<string, (arg: never) => unknown>> & { readonly end: () => void };

/** Does tasks by the functions of `table`. */
export function tasksBy(table: TaskTable): (task: Task) => unknown {
  const byName = new Map(Object.entries(table));
  return ({ command, arg }) => {
    const work = byName.get(command);
    if (work === undefined) throw new FerryError('ERR_THREAD', `This thread knows no task ${command}`);
    // The other end is typed by the same table
    return work(arg as never);
  };
}
