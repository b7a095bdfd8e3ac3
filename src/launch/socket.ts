/** Waiting for the unix sockets of other programs. */
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError } from '../errors.ts';
import type { LaunchedProcess } from './process.ts';

export interface SocketWait {
  /** Milliseconds; 10 000 if not given. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  /** The program that is to listen: when it ends, waiting does too. */
  readonly child?: LaunchedProcess;
}

/** Milliseconds between two looks: the kernel reports neither listen(2) nor a refused connection that would now do. */
const interval = 5;
const listening = 0x10000;

/**
 * Resolves when some process listens on `path`, without connecting to it: many back ends take one connection only.
 *
 * @throws DeadlineError, ERR_LAUNCH_ENDED when `child` ends first, or the signal's reason
 */
export async function waitForSocket(path: string, options: SocketWait = {}): Promise<void> {
  await retry(`A listener on ${path}`, options, async () => ((await isListening(path)) ? true : undefined));
}

/** Connects to `path` as soon as some process listens there; the same errors as {@link waitForSocket}. */
export function connectSocket(path: string, options: SocketWait = {}): Promise<Socket> {
  return retry(`A connection to ${path}`, options, () => tryConnect(path));
}

/** Whether a process listens on `path` now, as the kernel's table of unix sockets says. */
export async function isListening(path: string): Promise<boolean> {
  const table = await readFile('/proc/net/unix', 'latin1');
  return table.split('\n').some((line) => {
    const [, , , flags, , , , at] = line.split(/\s+/);
    return at === path && flags !== undefined && (Number.parseInt(flags, 16) & listening) !== 0;
  });
}

async function retry<T>(
  what: string,
  options: SocketWait,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const { child, signal, deadline = 10_000 } = options;
  const end = performance.now() + deadline;
  for (;;) {
    signal?.throwIfAborted();
    const found = await attempt();
    if (found !== undefined) return found;
    if (child?.exit) throw child.failure();
    if (performance.now() >= end) throw new DeadlineError(what, deadline);
    await delay(interval, undefined, signal && { signal });
  }
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy();
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
  });
}
