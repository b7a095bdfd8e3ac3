import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LaunchedProcess, launchProcess, waitForSocket } from '../../launch/index.ts';

/** `ferry`, as a command that starts another process of this same program. */
function self(): string[] {
  const source = fileURLToPath(new URL('../main.ts', import.meta.url));
  const main = existsSync(source) ? source : fileURLToPath(new URL('../main.js', import.meta.url));
  return [process.execPath, ...process.execArgv, main];
}

/** A file system device in a process of its own, listening on `socket`. */
export interface FsProcess extends AsyncDisposable {
  readonly socket: string;
  readonly process: LaunchedProcess;
}

/** Start `ferry serve fs` with `memory` of contents in `folder`, and return when it listens. */
export async function serveFs(
  folder: string,
  name: string,
  memory: string,
  signal: AbortSignal,
): Promise<FsProcess> {
  const socket = join(folder, `${name}.sock`);
  const child = await launchProcess({
    name: `ferry serve (${name})`,
    command: [...self(), 'serve', 'fs', '--memory', memory, '--socket-path', socket],
    signal,
  });
  try {
    await waitForSocket(socket, { child, signal });
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { socket, process: child, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
