import { Lane } from '../../engine/slots/index.ts';
import type { Task, TaskTable } from './tasks.ts';

/** How long a task may take that ends by itself, in milliseconds: the longest looks at every byte that there is. */
const TASK_WITHIN = 600_000;

/** The thread of a machine's part, as the main thread sees it: tasks by name, one after the other. */
export class MachineThread<T extends TaskTable> implements AsyncDisposable {
  readonly #lane: Lane;

  private constructor(lane: Lane) {
    this.#lane = lane;
  }

  /**
   * Start the thread `name`: `factory` of `module`, a file beside this one, makes what does the tasks. Rejects with what it
   * throws.
   */
  static async start<T extends TaskTable>(
    name: string,
    module: string,
    factory: string,
    start: unknown,
  ): Promise<MachineThread<T>> {
    const file = `${module}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    const url = new URL(file, import.meta.url);
    return new MachineThread<T>(await Lane.start({ name: `thread of ${name}`, module: url, factory, start }));
  }

  /** Have a task done. Rejects with what it throws, where the thread has ended, and with `ERR_DEADLINE`. */
  run<K extends keyof T & string>(command: K, ...[arg]: Parameters<T[K]>): Promise<ReturnType<T[K]>> {
    return this.#run(command, arg, TASK_WITHIN);
  }

  /** As `run`, for a task that goes on until it is told to end. */
  runOn<K extends keyof T & string>(command: K, ...[arg]: Parameters<T[K]>): Promise<ReturnType<T[K]>> {
    return this.#run(command, arg);
  }

  /** Whether nothing that it was lent is in use any more. */
  get hasEnded(): boolean {
    return this.#lane.hasEnded;
  }

  /** Have the part give up what it has, and end the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lane.end();
  }

  #run<K extends keyof T & string>(command: K, arg: unknown, deadline?: number): Promise<ReturnType<T[K]>> {
    const task: Task = { command, arg };
    // The table that this is typed by is the one that answers
    return this.#lane.run(task, deadline === undefined ? {} : { deadline }) as Promise<ReturnType<T[K]>>;
  }
}
