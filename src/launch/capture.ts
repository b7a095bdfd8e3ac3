/** Running a program to its end and keeping what it said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Captured {
  /** Exit code, or null when a signal ended it or it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** At most 1 MiB; when the program could not be started, the reason. */
  readonly stderr: string;
  /** What `stdout` was made from, byte for byte. */
  readonly output: Buffer;
  /**
   * Why this is not all there was to say: it was killed at the deadline or because it printed more than `maxOutput`,
   * or it has ended and something that it started keeps its output open. Absent where it came to its own end.
   */
  readonly cut?: 'deadline' | 'output' | 'held';
}

export interface CaptureOptions {
  /** Milliseconds. */
  readonly deadline: number;
  readonly cwd?: string;
  /** The whole environment; this process's if not given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Bytes of stdout beyond which the program is killed; 1 MiB if not given. */
  readonly maxOutput?: number;
}

const MOST_BYTES = 1 << 20;

/** Milliseconds that output may stay open after the program has ended. */
const HELD_WITHIN = 500;

/**
 * Runs a program with no input until it ends, is aborted, or `deadline` milliseconds have passed (then it is killed).
 * Never rejects: a program that cannot be started has code null and the reason in `stderr`.
 */
export function capture(command: readonly [string, ...string[]], options: CaptureOptions): Promise<Captured> {
  const [program, ...args] = command;
  const deadline = AbortSignal.timeout(options.deadline);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env ?? process.env,
  });
  let failure = '';
  let cut: Captured['cut'];
  const stdout = collect(child.stdout, options.maxOutput ?? MOST_BYTES, () => {
    cut ??= 'output';
    killTree(child);
  });
  const stderr = collect(child.stderr, MOST_BYTES);
  let held: NodeJS.Timeout | undefined;
  const stop = () => {
    if (options.signal?.aborted === true) failure = 'The operation was aborted';
    else cut ??= 'deadline';
    killTree(child);
  };
  const stopped = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  if (stopped.aborted) stop();
  stopped.addEventListener('abort', stop, { once: true });
  child.on('error', (error) => {
    failure = error.message;
  });
  child.on('exit', () => {
    // What it started may have inherited its output, and would keep it open for as long as it lives
    held = setTimeout(() => {
      cut ??= 'held';
      child.stdout.destroy();
      child.stderr.destroy();
    }, HELD_WITHIN);
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(held);
      stopped.removeEventListener('abort', stop);
      const [output, said] = [stdout(), stderr().toString('utf8')];
      resolve({
        code: failure ? null : code,
        signal,
        stdout: output.toString('utf8'),
        stderr: failure && cut === undefined ? `${failure}\n${said}` : said,
        output,
        ...(cut !== undefined && { cut }),
      });
    });
  });
}

/** Kills a child and all that descend from it: what a script was waiting for would go on without it. */
function killTree({ pid: root, exitCode, signalCode }: ChildProcess): void {
  // Once it has ended its number may be somebody else's
  if (root === undefined || exitCode !== null || signalCode !== null) return;
  const tree = [root];
  for (const pid of tree) tree.push(...childrenOf(pid));
  for (const pid of tree) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It has ended, or has become another user's
      if (!(error instanceof Error && 'code' in error && ['ESRCH', 'EPERM'].includes(String(error.code))))
        throw error;
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // It has ended
  }
}

/** Keeps the first `limit` bytes of a stream; `beyond` is called once when there are more. */
function collect(stream: NodeJS.ReadableStream, limit: number, beyond?: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    if (length < limit) chunks.push(chunk.subarray(0, limit - length));
    if (length <= limit && length + chunk.length > limit) beyond?.();
    length += chunk.length;
  });
  return () => Buffer.concat(chunks);
}
