import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Commands } from './end.ts';
import type { Said, Told } from './said.ts';

const PROGRAM = fileURLToPath(new URL('./end.ts', import.meta.url));

/** When a guest ran in a process, in microseconds; without an end while it runs. */
export interface Stay {
  readonly from: number;
  to: number;
}

/** The process of an end, as the test sees it. */
export class EndProcess implements AsyncDisposable {
  /** When the guest ran here. */
  readonly stays: Stay[] = [];
  /** What the last transfer told. */
  told: Told[] = [];
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #listening = Promise.withResolvers<string>();
  #last = 0;
  #gone = false;

  constructor() {
    this.#child = spawn(process.execPath, [...process.execArgv, PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdin?.on('error', () => undefined);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#gone = true;
      this.#endStay(now());
      for (const { reject } of this.#waiting.values())
        reject(new Error(`The end's process is gone: ${signal}`));
      return code ?? signal;
    });
    createInterface(this.#child.stdout!).on('line', (line) => this.#hear(JSON.parse(line)));
  }

  get isGone(): boolean {
    return this.#gone;
  }

  /** Have something done. Rejects with what it fails with, and where the process goes. */
  tell<C extends keyof Commands>(
    command: C,
    ...[arg]: Parameters<Commands[C]>
  ): Promise<Awaited<ReturnType<Commands[C]>>> {
    if (command === 'send' || command === 'receive') {
      this.told = [];
      this.#listening = Promise.withResolvers();
    }
    const id = ++this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#child.stdin?.write(`${JSON.stringify({ id, command, arg })}\n`);
    return answer.promise as Promise<Awaited<ReturnType<Commands[C]>>>;
  }

  /** The endpoint at which the transfer that is received now listens. */
  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  /** End it with a signal that it cannot catch. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Have it stand still, all threads of it, until `proceed`. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  proceed(): void {
    this.#child.kill('SIGCONT');
  }

  /** End it in good order. Rejects where it leaves anything open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#gone) return;
    this.#child.stdin?.end();
    const code = await this.exited;
    if (code !== 0) throw new Error(`The end's process ended with ${code}`);
  }

  #hear(said: Said): void {
    if ('re' in said) {
      const waiting = this.#waiting.get(said.re);
      this.#waiting.delete(said.re);
      if (said.error === undefined) waiting?.resolve(said.value);
      else waiting?.reject(new Error(said.error));
    } else if (said.event === 'runs') this.stays.push({ from: said.at, to: Number.POSITIVE_INFINITY });
    else if (said.event === 'stands') this.#endStay(said.at);
    else {
      this.told.push(said);
      if (said.type === 'listening') this.#listening.resolve((said.detail as { uri: string }).uri);
    }
  }

  #endStay(at: number): void {
    const last = this.stays.at(-1);
    if (last?.to === Number.POSITIVE_INFINITY) last.to = at;
  }
}

function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
