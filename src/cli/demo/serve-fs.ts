import { join } from 'node:path';
import { type LaunchedProcess, launchProcess, waitForSocket } from '../../launch/index.ts';
import { self } from './self.ts';

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
