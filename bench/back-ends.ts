import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asError } from '../src/errors.ts';
import { choosePeer, findPeers, launchProcess, waitForSocket } from '../src/launch/index.ts';

const ferry = fileURLToPath(new URL('../bin/ferry', import.meta.url));

/** A back end under measurement: a process that serves a device on `socket`, pinned to a CPU of its own. */
export interface BackEndProcess extends AsyncDisposable {
  readonly name: string;
  readonly socket: string;
}

/** The CPU that back ends run on; the front end takes the other one. */
const BACK_END_CPU = '1';

/** Start the program that `command` names for a socket, and wait until it listens. */
async function serve(
  name: string,
  command: (socket: string) => readonly string[],
  env: Record<string, string> = {},
): Promise<BackEndProcess> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'ferry-bench-')));
  const socket = join(folder.path, 'device.sock');
  const pinned = ['taskset', '-c', BACK_END_CPU, ...command(socket)];
  const child = resources.use(await launchProcess({ command: pinned, name, env }));
  await waitForSocket(socket, { child });
  const owned = resources.move();
  return { name, socket, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** `ferry serve` with `options`, such as `fs --memory 1G`. */
export function serveFerry(options: readonly string[]): Promise<BackEndProcess> {
  return serve('ferry', (socket) => [ferry, 'serve', ...options, '--socket-path', socket]);
}

/** virtiofsd on the empty folder `shared`. */
export async function serveVirtiofsd(shared: string): Promise<BackEndProcess> {
  const peer = choosePeer(await findPeers(), 'virtiofsd');
  const options = ['--shared-dir', shared, '--sandbox', 'none', '--seccomp', 'none', '--cache', 'always'];
  const command = (socket: string) => [...peer.command, ...options, '--socket-path', socket];
  return serve(`virtiofsd ${peer.version}`, command, { ...peer.env });
}

/**
 * qemu-storage-daemon, the newest there is, on the raw image `path`: with io_uring, its fastest way to a file, or with
 * threads, its default, where the machine forbids io_uring. The name says which.
 */
export async function serveStorageDaemon(path: string): Promise<BackEndProcess> {
  const peer = choosePeer(await findPeers(), 'qemu-storage-daemon');
  const start = (aio: string) =>
    serve(
      `qemu-storage-daemon ${peer.version}, ${aio}`,
      (socket) => [
        ...peer.command,
        ...['--blockdev', `driver=file,aio=${aio},node-name=image,filename=${path}`],
        ...[
          '--export',
          `type=vhost-user-blk,id=disk,node-name=image,writable=on,addr.type=unix,addr.path=${socket}`,
        ],
      ],
      { ...peer.env },
    );
  try {
    return await start('io_uring');
  } catch (error) {
    process.stderr.write(`bench: without io_uring, ${asError(error).message}\n`);
    return start('threads');
  }
}
