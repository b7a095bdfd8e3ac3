/** A child process with an owner: it ends with its owner's scope, with this process, or when told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { DeadlineError, FerryError } from '../errors.ts';

export interface LaunchOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** For messages; by default the program's file name. */
  readonly name?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptors that the child gets as 3, 4, … in this order. They stay open here. */
  readonly fds?: readonly number[];
  /** Stops the child when aborted. */
  readonly signal?: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL when stopping. */
  readonly stopDeadline?: number;
  /** Called with every whole line the child writes to stdout or stderr. */
  readonly onLine?: (line: string) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How much of a child's last words is kept, in characters. */
const tailLength = 16_384;

/** Children that must not outlive this process when it ends without having disposed of them. */
const running = new Set<ChildProcess>();

/**
 * Starts a program. It gets its own session, so that a Ctrl-C at the terminal reaches this process only, and where
 * setpriv(1) is found the kernel ends it when this process is killed.
 *
 * @throws FerryError ERR_LAUNCH when the program cannot be started
 */
export async function launchProcess(options: LaunchOptions): Promise<LaunchedProcess> {
  options.signal?.throwIfAborted();
  const [named, ...rest] = options.command;
  if (named === undefined)
    throw new FerryError('ERR_LAUNCH', 'There is no program to start: the command is empty');
  const name = options.name ?? basename(named);
  const found = findProgram(named);
  // setpriv would start and only then find that there is none
  if (found === undefined)
    throw new FerryError('ERR_LAUNCH', `${name} could not be started: ${named} is no program here`);
  const [program, ...args] = [...boundToParent(), found, ...rest];
  const child = spawn(program!, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...(options.fds ?? [])],
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    detached: true,
  });
  const launched = new LaunchedProcess(child, name, options);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FerryError('ERR_LAUNCH', `${name} could not be started: ${reason}`, { cause });
  }
  return launched;
}

/** A child process; disposing of it ends it. */
export class LaunchedProcess implements AsyncDisposable {
  readonly name: string;
  /** Fulfilled when the child has ended and its output is read; never rejects. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #stopDeadline: number;
  #tail = '';
  #exit: Exit | undefined;

  /** Use {@link launchProcess}. */
  constructor(child: ChildProcess, name: string, options: LaunchOptions) {
    this.name = name;
    this.#child = child;
    this.#stopDeadline = options.stopDeadline ?? 3000;
    running.add(child);
    if (running.size === 1) process.on('exit', killRunning);
    const exited = Promise.withResolvers<Exit>();
    this.exited = exited.promise;
    const abort = () => void this.stop();
    options.signal?.addEventListener('abort', abort, { once: true });
    const finish = (exit: Exit) => {
      running.delete(child);
      if (running.size === 0) process.off('exit', killRunning);
      options.signal?.removeEventListener('abort', abort);
      this.#exit = exit;
      exited.resolve(exit);
    };
    child.on('error', () => {
      if (child.pid === undefined) finish({ code: null, signal: null });
    });
    child.on('close', (code, signal) => finish({ code, signal }));
    for (const stream of [child.stdout, child.stderr]) this.#listen(stream, options.onLine);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** How the child ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last of what the child wrote to stdout and stderr. */
  get tail(): string {
    return this.#tail;
  }

  /** Sends a signal; nothing happens when the child has ended. */
  kill(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(signal);
  }

  /** Ends the child: SIGTERM, and SIGKILL when that has not helped in time. */
  async stop(): Promise<Exit> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), this.#stopDeadline);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Waits for the child to end by itself.
   *
   * @throws DeadlineError after `milliseconds`; the child goes on
   */
  async ended(milliseconds: number): Promise<Exit> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new DeadlineError(`The end of ${this.name} (pid ${this.pid})`, milliseconds)),
      milliseconds,
    );
    try {
      return await Promise.race([this.exited, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What to say when the child has ended although it was needed. */
  failure(): FerryError {
    const how = this.#exit?.signal ?? `exit code ${this.#exit?.code ?? 'unknown'}`;
    const words = this.#tail.trim().split('\n').slice(-8).join('\n');
    return new FerryError(
      'ERR_LAUNCH_ENDED',
      `${this.name} ended early with ${how}${words && `, having said:\n${words}`}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #listen(stream: NodeJS.ReadableStream | null, onLine: ((line: string) => void) | undefined): void {
    if (stream === null) return;
    stream.setEncoding('utf8');
    let partial = '';
    stream.on('data', (text: string) => {
      this.#tail = (this.#tail + text).slice(-tailLength);
      if (onLine === undefined) return;
      const lines = (partial + text).split('\n');
      partial = (lines.pop() ?? '').slice(-tailLength);
      for (const line of lines) onLine(line);
    });
    stream.on('end', () => {
      if (partial !== '') onLine?.(partial);
    });
  }
}

function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** The file that `named` means, as a shell finds it: by its path, or on PATH. Undefined where there is no program. */
export function findProgram(named: string): string | undefined {
  if (named.includes('/')) return isExecutable(named) ? named : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, named)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

let bound: readonly string[] | undefined;

/** The words that make the kernel end a child with its parent, where there is a program for it. */
function boundToParent(): readonly string[] {
  // Without setpriv only an orderly end of this process ends its children
  bound ??= isExecutable('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];
  return bound;
}
