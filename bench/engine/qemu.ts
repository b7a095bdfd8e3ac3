import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FerryError } from '../../src/errors.ts';
import { choosePeer, findPeers, launchProcess, type Peer, waitForSocket } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';

/** How RAM is to be moved. */
export interface Multifd {
  readonly channels: number;
  readonly method: 'none' | 'zstd';
}

const MIGRATE_WITHIN = 120_000;

/** A QEMU without a guest, whose RAM is a file: what moves is exactly what lies there. */
export class BareQemu implements AsyncDisposable {
  readonly qmp: QmpClient;
  readonly version: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(qmp: QmpClient, version: string, owned: AsyncDisposableStack) {
    this.qmp = qmp;
    this.version = version;
    this.#owned = owned;
  }

  /** Start one in `folder` under `name` on `file` of `mebibytes`, all of it present in memory. */
  static async start(folder: string, name: string, file: string, mebibytes: number, incoming = false) {
    const qemu = await newestQemu();
    await using resources = new AsyncDisposableStack();
    const socket = join(folder, `${name}.qmp`);
    const memory = `memory-backend-file,id=ram,size=${mebibytes}M,mem-path=${file},share=on,prealloc=on`;
    const child = resources.use(
      await launchProcess({
        name: `QEMU ${qemu.version} (${name})`,
        command: [
          ...['taskset', '-c', '0-1023', ...qemu.command],
          ...['-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-S'],
          ...['-machine', 'pc-q35-10.0,memory-backend=ram', '-m', `${mebibytes}M`, '-object', memory],
          ...['-qmp', `unix:${socket},server=on,wait=off`],
          ...(incoming ? ['-incoming', 'defer'] : []),
        ],
        env: qemu.env,
      }),
    );
    await waitForSocket(socket, { child, deadline: 60_000 });
    const qmp = resources.use(await QmpClient.connect(socket));
    return new BareQemu(qmp, qemu.version, resources.move());
  }

  /** Say how RAM is moved; both sides have to. */
  async prepare({ channels, method }: Multifd): Promise<void> {
    const capabilities = [
      { capability: 'multifd', state: true },
      { capability: 'return-path', state: true },
    ] as const;
    await this.qmp.execute('migrate-set-capabilities', { capabilities: [...capabilities] });
    await this.qmp.execute('migrate-set-parameters', {
      'multifd-channels': channels,
      'multifd-compression': method,
      'max-bandwidth': 0,
    });
  }

  listen(uri: string): Promise<unknown> {
    return this.qmp.execute('migrate-incoming', { uri });
  }

  /** Move everything to whoever listens at `uri`. Returns GB/s of RAM, `bytes` of it, by QEMU's own clock. */
  async migrate(uri: string, bytes: number): Promise<number> {
    await this.qmp.execute('migrate', { uri });
    const end = performance.now() + MIGRATE_WITHIN;
    for (;;) {
      const info = await this.qmp.execute('query-migrate');
      if (info.status === 'completed') return bytes / 1e6 / info['total-time']!;
      if (info.status === 'failed' || performance.now() > end)
        throw new FerryError('ERR_BENCH', `QEMU's migration: ${info.status} ${info['error-desc'] ?? ''}`);
      await delay(20);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

async function newestQemu(): Promise<Peer> {
  return choosePeer(await findPeers(), 'qemu-system-x86_64');
}

/** GB/s of the RAM in `source` from one QEMU to another, which has `destination` to put it in. */
export async function qemuToQemu(
  folder: string,
  files: { readonly source: string; readonly destination: string },
  mebibytes: number,
  multifd: Multifd,
  uri: string,
): Promise<number> {
  await using there = await BareQemu.start(folder, 'there', files.destination, mebibytes, true);
  await using here = await BareQemu.start(folder, 'here', files.source, mebibytes);
  await there.prepare(multifd);
  await here.prepare(multifd);
  await there.listen(uri);
  return await here.migrate(uri, mebibytes * 2 ** 20);
}
