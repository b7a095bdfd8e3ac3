import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FerryError } from '../../src/errors.ts';
import { closeAll, createSocketPair } from '../../src/sys/index.ts';
import type { Plan, Report } from './end.ts';

/** On all CPUs, though the benchmark itself keeps to one. */
const EVERYWHERE = ['taskset', '-c', '0-1023'];

function program(name: string, ...words: string[]): string[] {
  const file = fileURLToPath(new URL(name, import.meta.url));
  return [...EVERYWHERE, process.execPath, '--conditions=ferry-source', file, ...words];
}

/** A process that is one end of a transfer. */
class End implements AsyncDisposable {
  readonly #child;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  constructor(plan: Plan) {
    const [command, ...words] = program('end.ts', JSON.stringify(plan));
    this.#child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exited = once(this.#child, 'exit');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** What its next line says. */
  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new FerryError('ERR_BENCH', 'One end of a transfer has ended early');
    return JSON.parse(value) as T;
  }

  async report(): Promise<Report> {
    const report = await this.next<Report>();
    if (report.outcome !== 'completed')
      throw new FerryError('ERR_BENCH', `A transfer ended ${report.outcome}: ${report.why}`);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill();
    await this.#exited;
  }
}

/** What is moved between two processes, and how. */
export type Move = Pick<Plan, 'channels' | 'method' | 'ram' | 'devices'> & {
  /** Where RAM lies at the source and at the destination. */
  readonly files: { readonly source: string; readonly destination: string };
  /** Where the destination listens, `ferry+tcp:127.0.0.1:0`. */
  readonly at: string;
  readonly checksum: boolean;
};

/** Move something from one Ferry process to another, and say how it went at both. */
export async function move({
  files,
  at,
  checksum,
  ...plan
}: Move): Promise<{ sent: Report; received: Report }> {
  await using there = new End({ ...plan, role: 'receive', at, file: files.destination });
  const { listening: to } = await there.next<{ listening: string }>();
  await using here = new End({ ...plan, role: 'send', to, checksum, file: files.source });
  const [sent, received] = await Promise.all([here.report(), there.report()]);
  return { sent, received };
}

/** Have a Ferry process receive `ram` bytes from the QEMU that `migrate` tells where to go. */
export async function receiveFromQemu<T>(
  plan: Pick<Plan, 'channels' | 'method' | 'ram'>,
  at: string,
  migrate: (uri: string) => Promise<T>,
): Promise<T> {
  await using there = new End({ ...plan, role: 'receive-from-qemu', at, file: '', devices: [] });
  const { listening } = await there.next<{ listening: string }>();
  const [result] = await Promise.all([migrate(listening), there.report()]);
  return result;
}

/** Milliseconds for `bytes` of state in one stream over one unix socket between two processes. */
export async function oneStream(bytes: number): Promise<number> {
  const sockets = createSocketPair('one stream');
  const [sender, receiver] = (['send', 'receive'] as const).map((role, i) => {
    const [command, ...words] = program('one-stream.ts', role, String(bytes));
    return spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit', sockets[i]!.number] });
  });
  closeAll(sockets);
  const ended = Promise.all([once(sender!, 'exit'), once(receiver!, 'exit')]);
  let text = '';
  for await (const piece of sender!.stdout!) text += piece;
  await ended;
  return Number(text);
}
