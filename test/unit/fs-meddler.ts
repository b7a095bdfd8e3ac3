/** Another program that changes a directory as fast as it can, on a thread of its own: this file is both sides of it. */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { fileScratch, makeDirectory, moveName, removeName } from '../../src/sys/index.ts';

/** What is called `one` and what is called `other` take turns; or a directory `one` comes and goes. */
type Mischief = 'exchange' | 'come and go';

interface Task {
  readonly what: Mischief;
  readonly one: string;
  readonly other: string;
  /** How often everything has changed, and whether it is enough. */
  readonly counts: SharedArrayBuffer;
}

const AT_FDCWD = -100;
const EXCHANGE = 2;

/** Put a path where system calls take it from, `at` bytes into the scratch area. Returns its address. */
function place(path: string, at: number): number {
  Buffer.from(`${path}\0`).copy(fileScratch.name.bytes, at);
  return fileScratch.name.address + at;
}

function meddle({ what, one, other, counts }: Task): void {
  const shared = new Int32Array(counts);
  const first = place(one, 0);
  const second = place(other, 1024);
  parentPort?.postMessage('ready');
  while (Atomics.load(shared, 1) === 0) {
    if (what === 'exchange') {
      const result = moveName(AT_FDCWD, first, AT_FDCWD, second, EXCHANGE);
      if (result < 0) throw new Error(`${one} and ${other}: ${result}`);
    } else {
      // Where the guest has just made something in it, it stays for this time.
      makeDirectory(AT_FDCWD, first, 0o755);
      removeName(AT_FDCWD, first, true);
    }
    Atomics.add(shared, 0, 1);
  }
}

if (workerData?.counts instanceof SharedArrayBuffer) meddle(workerData as Task);

export class Meddler implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #counts: Int32Array;

  private constructor(worker: Worker, counts: Int32Array) {
    this.#worker = worker;
    this.#counts = counts;
  }

  static async start(what: Mischief, one: string, other: string): Promise<Meddler> {
    const counts = new SharedArrayBuffer(8);
    const worker = new Worker(new URL(import.meta.url), { workerData: { what, one, other, counts } });
    await once(worker, 'message');
    return new Meddler(worker, new Int32Array(counts));
  }

  /** How often everything has changed. */
  get rounds(): number {
    return Atomics.load(this.#counts, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#worker, 'exit');
    Atomics.store(this.#counts, 1, 1);
    await ended;
  }
}
