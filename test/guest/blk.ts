import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient, controlPath, type StatusReport } from '../../src/control/index.ts';
import {
  chooseKernel,
  type LaunchedProcess,
  launchProcess,
  type Peers,
  waitForSocket,
} from '../../src/launch/index.ts';
import { makeArchive } from '../../tools/guest/cpio.ts';

const program = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

export interface BlkServing {
  /** Where it listens; in a fresh folder that is removed at the end unless given. */
  readonly socket?: string;
  /** Called with every line that it says. */
  readonly onLine?: (line: string) => void;
}

/** A `ferry serve blk` in a process of its own; disposing of it ends it. */
export interface BlkProcess extends AsyncDisposable {
  readonly process: LaunchedProcess;
  /** Where it listens for front ends. */
  readonly socket: string;
  status(): Promise<StatusReport>;
  /** Have it look how large its image is. Bytes. */
  resize(): Promise<number>;
}

/** Starts `ferry serve blk` with `options`, such as `['--path', image]`, and returns when both its sockets listen. */
export async function launchBlk(options: readonly string[], serving: BlkServing = {}): Promise<BlkProcess> {
  const folder = serving.socket === undefined ? await mkdtemp(join(tmpdir(), 'ferry-serve-')) : undefined;
  const socket = serving.socket ?? join(folder ?? '', 'blk.sock');
  const child = await launchProcess({
    name: 'ferry serve blk',
    command: [program, 'serve', 'blk', '--socket-path', socket, ...options],
    ...(serving.onLine !== undefined && { onLine: serving.onLine }),
  });
  const end = async () => {
    await child.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitForSocket(socket, { child });
    await waitForSocket(controlPath(socket), { child });
  } catch (error) {
    await end();
    throw error;
  }
  const control = async <T>(ask: (client: ControlClient) => Promise<T>): Promise<T> => {
    await using client = await ControlClient.connect(controlPath(socket));
    return await ask(client);
  };
  return {
    process: child,
    socket,
    status: () => control((client) => client.status()),
    resize: () => control((client) => client.resize()),
    [Symbol.asyncDispose]: end,
  };
}

/**
 * Arguments that give a machine of QEMU a disk behind `socket`: `options` are further ones of the device, such as
 * `num-queues=2`, and `chardev` of its socket, such as `reconnect-ms=100`.
 */
export function blkArguments(
  socket: string,
  options: readonly string[] = [],
  chardev: readonly string[] = [],
) {
  return [
    ...['-chardev', [`socket,id=blk,path=${socket}`, ...chardev].join(',')],
    ...['-device', ['vhost-user-blk-pci,id=disk,chardev=blk', ...options].join(',')],
  ];
}

const MODULE = 'virtio_blk.ko.xz';

/**
 * The driver is a module of the guest's kernel: makes the image of the guest's first file system with it in `folder`.
 * Returns further arguments of QEMU, in place of those that the image is without it.
 */
export async function withBlkDriver(folder: string, peers: Peers): Promise<readonly string[]> {
  if (peers.initramfs === undefined) throw new Error('There is no image of a guest');
  const module = await readFile(join(dirname(chooseKernel(peers).image), MODULE));
  const path = join(folder, 'initramfs-with-blk');
  // A kernel takes archives one behind the other
  const archive = makeArchive([{ path: MODULE, mode: 0o100644, data: module }]);
  await writeFile(path, Buffer.concat([await readFile(peers.initramfs), archive]));
  return ['-initrd', path];
}

/** For the agent's shell: loads the driver, and waits for nothing. */
export const LOAD_DRIVER = `busybox xzcat /${MODULE} > /ram/virtio_blk.ko && insmod /ram/virtio_blk.ko`;
