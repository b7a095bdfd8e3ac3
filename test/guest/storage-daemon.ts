import { type LaunchedProcess, launchProcess, type Peer, waitForSocket } from '../../src/launch/index.ts';

export interface StorageDaemonOptions {
  readonly daemon: Peer;
  readonly socket: string;
  readonly image: string;
  readonly queues?: number;
  /** A monitor's socket, on which the image can be resized. */
  readonly monitor?: string;
}

/** Starts qemu-storage-daemon, which serves an image as vhost-user-blk, and returns when it listens on `socket`. */
export async function launchStorageDaemon(options: StorageDaemonOptions): Promise<LaunchedProcess> {
  const { daemon, socket, image, queues = 1, monitor } = options;
  const child = await launchProcess({
    name: 'qemu-storage-daemon',
    command: [
      ...daemon.command,
      ...['--blockdev', `driver=file,filename=${image},node-name=file,discard=unmap`],
      ...['--blockdev', 'driver=raw,file=file,node-name=disk,discard=unmap'],
      ...[
        '--export',
        `type=vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=${queues},addr.type=unix,addr.path=${socket}`,
      ],
      ...(monitor === undefined
        ? []
        : [
            '--chardev',
            `socket,id=monitor,path=${monitor},server=on,wait=off`,
            '--monitor',
            'chardev=monitor',
          ]),
    ],
    env: daemon.env,
  });
  try {
    await waitForSocket(socket, { child });
    return child;
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}
