/**
 * Records what real QEMUs say to a vhost-user back end while a guest boots, uses a Ferry file system, is stopped and
 * continued, moves away, arrives, and stays after a move that failed. Writes `test/vectors/vhost-user/qemu-*.ndjson`:
 *
 *     node --conditions=ferry-source tools/capture/qemu.ts [FOLDER]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choosePeer, launchProcess, waitForSocket } from '../../src/launch/index.ts';
import { migrate } from '../../src/migrate/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  bootGuest,
  currentMachine,
  type FerryOptions,
  launchFerry,
  startDestination,
  testPeers,
} from '../../test/guest/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = process.argv[2] ?? join(root, 'test/vectors/vhost-user');
const O_RDWR_CREAT = 0o102;

for (const version of ['10.0', '11.1']) {
  await using sockets = await temporaryFolder();
  const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
  await using source = await recorded(sockets.path, `qemu-${version}-source`);
  await using guest = await bootGuest({ qemu, memory: 128, fs: [source.fs] });
  await guest.agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  await guest.agent.call('open', [0, '/mnt/file', O_RDWR_CREAT, 0o600]);
  await execute(currentMachine(guest).qmp, 'stop');
  await execute(currentMachine(guest).qmp, 'cont');
  await guest.agent.call('pwrite', [0, 0, Buffer.alloc(3_000_000, 1).toString('hex').slice(0, 4000)]);

  // A move to a device that has no room for the files fails, and the guest stays
  await guest.agent.call('fallocate', [0, 0, 0, 8 << 20]);
  await using small = await recorded(sockets.path, `qemu-${version}-refused`, { memory: '4M' });
  console.log(version, 'refused:', await move([small.fs]));
  await guest.agent.call('fstat', [0]);

  await using destination = await recorded(sockets.path, `qemu-${version}-destination`);
  console.log(version, 'moved:', await move([destination.fs]));
  await guest.agent.call('fstat', [0]);

  async function move(fs: readonly { socket: string; tag: string }[]): Promise<string> {
    const from = guest.machines[0]!;
    const to = await startDestination(guest, { qemu, fs });
    const { outcome } = await migrate({ source: from.qmp, destination: to.qmp });
    return outcome;
  }
}

async function execute(qmp: string, command: 'stop' | 'cont'): Promise<void> {
  await using client = await QmpClient.connect(qmp);
  await client.execute(command);
}

/** A Ferry process behind a relay that writes `name`.ndjson. */
async function recorded(sockets: string, name: string, options: FerryOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const ferry = stack.use(await launchFerry({ memory: '64M', ...options }));
  const socket = join(sockets, `${name}.sock`);
  const relay = stack.use(
    await launchProcess({
      name: `relay ${name}`,
      command: [
        process.execPath,
        '--conditions=ferry-source',
        join(root, 'tools/capture/relay.ts'),
        socket,
        ferry.socket,
        join(folder, `${name}.ndjson`),
      ],
    }),
  );
  await waitForSocket(socket, { child: relay });
  const owned = stack.move();
  return { fs: { socket, tag: 'ferry' }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'ferry-capture-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
