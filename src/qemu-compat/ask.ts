/** A QEMU that runs no guest, for as long as it takes to ask it something. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { asError, DeadlineError, DecodeError, FerryError } from '../errors.ts';
import { type LaunchedProcess, launchProcess, waitForSocket } from '../launch/index.ts';
import { QmpClient, QmpClosedError, QmpConnectError, QmpUnansweredError } from '../qmp/index.ts';
import type { QemuProgram } from './description.ts';
import { QemuCompatError } from './errors.ts';
import { QEMU_COMPAT_LIMITS } from './limits.ts';

/** What every QEMU here is started with: no window, no default devices, no user's configuration, no guest that runs. */
const ALONE = ['-display', 'none', '-nodefaults', '-no-user-config', '-S'] as const;

/** Runs `work` with a private folder that is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-qemu-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The results of two questions at a time. When one fails the other one is ended before that is told. */
export async function bothOf<A, B>(
  signal: AbortSignal,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const asked = [first(either), second(either)] as const;
  try {
    return await Promise.all(asked);
  } catch (error) {
    failing.abort();
    await Promise.allSettled(asked);
    throw error;
  }
}

/** Starts `program` with `args` and no guest; the caller ends it. */
export async function startAlone(
  program: QemuProgram,
  args: readonly string[],
  signal: AbortSignal,
): Promise<LaunchedProcess> {
  return launchProcess({
    command: [...program.command, ...ALONE, ...args],
    name: program.path,
    env: program.env,
    signal,
    stopDeadline: 1000,
  });
}

/** Starts `program` with `args`, lets `question` ask over its monitor, and ends it whatever happens. */
export async function askQemu<T>(
  program: QemuProgram,
  args: readonly string[],
  signal: AbortSignal,
  question: (client: QmpClient) => Promise<T>,
): Promise<T> {
  return inFolder(async (folder) => {
    const socket = join(folder, 'qmp');
    await using child = await startAlone(
      program,
      [...args, '-qmp', `unix:${socket.replaceAll(',', ',,')},server=on,wait=off`],
      signal,
    );
    try {
      await waitForSocket(socket, { child, signal, deadline: QEMU_COMPAT_LIMITS.answerMs });
      await using client = await QmpClient.connect(socket, {
        signal,
        limits: { commandMs: QEMU_COMPAT_LIMITS.answerMs },
      });
      return await question(client);
    } catch (error) {
      // A child that was ended for it says nothing of its own
      signal.throwIfAborted();
      if (!(error instanceof QemuCompatError) && (await hasEnded(child, error)))
        throw ended(program, child, error);
      throw error;
    }
  });
}

/** Its connection breaks a moment before a process that gives up has ended. */
async function hasEnded(child: LaunchedProcess, error: unknown): Promise<boolean> {
  if ([QmpClosedError, QmpConnectError, QmpUnansweredError].some((lost) => error instanceof lost))
    await Promise.race([child.exited, delay(QEMU_COMPAT_LIMITS.lastWordsMs)]);
  return child.exit !== undefined;
}

function ended({ path }: QemuProgram, child: LaunchedProcess, cause: unknown): QemuCompatError {
  return new QemuCompatError('ERR_QEMU_START', `${path} cannot be asked: ${child.failure().message}`, {
    cause,
  });
}

/** What went wrong with `program`, as one of this room's errors. `deadline` has passed when it is aborted. */
export function explain({ path }: QemuProgram, thrown: unknown, deadline: AbortSignal): Error {
  const error = asError(thrown);
  if (error instanceof QemuCompatError) return error;
  const late =
    deadline.aborted ||
    error instanceof DeadlineError ||
    (error instanceof FerryError && error.code === 'ERR_QMP_DEADLINE');
  if (late)
    return new QemuCompatError('ERR_QEMU_SILENT', `${path} did not answer in time, and was ended`, {
      cause: error,
      retry: true,
    });
  if (error instanceof DecodeError)
    return new QemuCompatError('ERR_QEMU_ANSWER', `${path} answers unlike any QEMU: ${error.message}`, {
      cause: error,
    });
  if (error instanceof FerryError && error.code.startsWith('ERR_QMP'))
    return new QemuCompatError('ERR_QEMU_ANSWER', `${path} cannot be asked: ${error.message}`, {
      cause: error,
    });
  if (error instanceof FerryError && error.code.startsWith('ERR_LAUNCH'))
    return new QemuCompatError('ERR_QEMU_START', error.message, { cause: error });
  return error;
}

/** `items`, unless there are more than `limit`. `what` names them. */
export function atMost<T>(items: readonly T[], limit: number, what: string): readonly T[] {
  if (items.length <= limit) return items;
  throw new QemuCompatError(
    'ERR_QEMU_ANSWER',
    `A QEMU names ${items.length} ${what}, at most ${limit} are taken`,
  );
}
