import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  choosePeer,
  findPeers,
  type LaunchedProcess,
  launchProcess,
  waitForSocket,
} from '../src/launch/index.ts';

const ferry = fileURLToPath(new URL('../bin/ferry', import.meta.url));

/** A back end under measurement: a process that serves a file system on `socket`, pinned to a CPU of its own. */
export interface BackEndProcess extends AsyncDisposable {
  readonly name: string;
  readonly socket: string;
}

/** The CPU that back ends run on; the front end takes the other one. */
const BACK_END_CPU = '1';

async function serve(
  name: string,
  command: readonly string[],
  env: Record<string, string>,
): Promise<BackEndProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'));
  const socket = join(folder, 'fs.sock');
  let child: LaunchedProcess | undefined;
  const end = async () => {
    await child?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const pinned = ['taskset', '-c', BACK_END_CPU, ...command, '--socket-path', socket];
    child = await launchProcess({ command: pinned, name, env });
    await waitForSocket(socket, { child });
    return { name, socket, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** `ferry serve fs` with contents in memory. */
export function serveFerry(options: readonly string[] = []): Promise<BackEndProcess> {
  return serve('ferry', [ferry, 'serve', 'fs', '--memory', '2G', ...options], {});
}

/** virtiofsd on the empty folder `shared`. */
export async function serveVirtiofsd(shared: string): Promise<BackEndProcess> {
  const peer = choosePeer(await findPeers(), 'virtiofsd');
  const options = ['--shared-dir', shared, '--sandbox', 'none', '--seccomp', 'none', '--cache', 'always'];
  return serve(`virtiofsd ${peer.version}`, [...peer.command, ...options], { ...peer.env });
}
