import { Worker } from 'node:worker_threads';
import { createEventfd, Epoll, type Fd, Poll, signalEventfd } from '../../sys/index.ts';
import { STOP_TOKEN } from './constants.ts';
import type { Wait } from './patience.ts';

/** Something happened to a descriptor since it was looked at last. */
export interface Watch extends Disposable {
  /** Resolves when something has happened since it resolved last, or since the watch began. Rejects as `wait` says. */
  next(what: string, wait: Wait): Promise<void>;
}

/** A thread that sleeps on descriptors, as long as there are any. */
class Watcher {
  ended = false;
  readonly #epoll = new Epoll();
  readonly #stop = createEventfd('end of the watcher');
  readonly #worker: Worker;
  readonly #events = new Map<number, () => void>();
  #token = STOP_TOKEN;
  readonly #wake = () => signalEventfd(this.#stop.number);

  constructor() {
    this.#epoll.add(this.#stop.number, Poll.in, STOP_TOKEN);
    this.#worker = new Worker(threadModule(), { workerData: this.#epoll.duplicate().release() });
    this.#worker.on('message', (tokens: number[]) => {
      for (const token of tokens) this.#events.get(token)?.();
    });
    // A thread that sleeps would keep a process that exits from ending
    process.on('exit', this.#wake);
    this.#worker.once('exit', () => {
      process.off('exit', this.#wake);
      this.#stop[Symbol.dispose]();
      this.#epoll[Symbol.dispose]();
    });
  }

  watch(fd: Fd, events: number): Watch {
    const token = ++this.#token;
    let happened = Promise.withResolvers<void>();
    this.#events.set(token, () => happened.resolve());
    this.#epoll.add(fd.number, events, token);
    return {
      next: async (what, wait) => {
        await wait.for(happened.promise, what);
        happened = Promise.withResolvers<void>();
      },
      [Symbol.dispose]: () => {
        this.#events.delete(token);
        // One that was closed is not watched any more
        if (!fd.closed) this.#epoll.remove(fd.number);
        if (this.#events.size > 0) return;
        this.ended = true;
        this.#wake();
      },
    };
  }
}

let watcher: Watcher | undefined;

/** Watch `fd` for `events` (`Poll` bits). Costs a thread while any lasts. */
export function watch(fd: Fd, events: number): Watch {
  if (watcher === undefined || watcher.ended) watcher = new Watcher();
  return watcher.watch(fd, events);
}

/** The thread's entry, in the sources or compiled. */
function threadModule(): URL {
  const name = import.meta.url.endsWith('.ts') ? './readiness-thread.ts' : './readiness-thread.js';
  return new URL(name, import.meta.url);
}
