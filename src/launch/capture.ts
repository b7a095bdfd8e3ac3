/** Running a program to its end and keeping what it said. */
import { spawn } from 'node:child_process';

export interface Captured {
  /** Exit code, or null when a signal ended it or it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** At most 1 MiB each; when the program could not be started, the reason. */
  readonly stderr: string;
}

const maxOutput = 1 << 20;

/**
 * Runs a program with no input until it ends, is aborted, or `deadline` milliseconds have passed (then it is killed).
 * Never rejects: a program that cannot be started has code null and the reason in `stderr`.
 */
export function capture(
  command: readonly [string, ...string[]],
  options: { deadline: number; cwd?: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal },
): Promise<Captured> {
  const [program, ...args] = command;
  const deadline = AbortSignal.timeout(options.deadline);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env ?? process.env,
    signal: options.signal ? AbortSignal.any([options.signal, deadline]) : deadline,
    killSignal: 'SIGKILL',
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  let failure = '';
  child.on('error', (error) => {
    failure = error.message;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      const said = stderr();
      resolve({
        code: failure ? null : code,
        signal,
        stdout: stdout(),
        stderr: failure ? `${failure}\n${said}` : said,
      });
    });
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    if (length < maxOutput) chunks.push(chunk.subarray(0, maxOutput - length));
    length += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
