/**
 * Records what real QEMUs say to a vhost-user back end while a guest boots, uses a Ferry file system, is stopped and
 * continued, moves away, arrives, and stays after a move that failed; and once more, shorter, with packed virtqueues and
 * two request queues. Writes `test/vectors/vhost-user/qemu-*.ndjson`, all of them or those of one kind:
 *
 *     node --conditions=ferry-source tools/capture/qemu.ts [split|packed [FOLDER]]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choosePeer, launchProcess, type Peer, waitForSocket } from '../../src/launch/index.ts';
import { migrate } from '../../src/migrate/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  bootGuest,
  currentMachine,
  type FerryOptions,
  type Guest,
  launchFerry,
  PACKED_FS,
  startDestination,
  testPeers,
} from '../../test/guest/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [only, folder = join(root, 'test/vectors/vhost-user')] = process.argv.slice(2);
const O_RDWR_CREAT = 0o102;

for (const version of ['10.0', '11.1']) {
  if (only !== 'packed') await recordSplit(version);
  if (only !== 'split') await recordPacked(version);
}

async function recordSplit(version: string): Promise<void> {
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
    return moveTo(guest, qemu, fs);
  }
}

async function recordPacked(version: string): Promise<void> {
  await using sockets = await temporaryFolder();
  const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
  const options = { further: ['--queues', '2'] };
  await using source = await recorded(sockets.path, `qemu-${version}-packed-source`, options);
  await using guest = await bootGuest({
    qemu,
    memory: 128,
    cpus: 2,
    fs: [source.fs],
    further: PACKED_FS,
  });
  await guest.agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
  await guest.agent.call('open', [0, '/mnt/file', O_RDWR_CREAT, 0o600]);
  for (let i = 0; i < 100; i++) await guest.agent.call('pwrite', [0, i, '55']);
  await using destination = await recorded(sockets.path, `qemu-${version}-packed-destination`, options);
  console.log(version, 'packed, moved:', await moveTo(guest, qemu, [destination.fs]));
  await guest.agent.call('fstat', [0]);
}

async function moveTo(guest: Guest, qemu: Peer, fs: readonly { socket: string; tag: string }[]) {
  const to = await startDestination(guest, { qemu, fs });
  const { outcome } = await migrate({ source: guest.machines[0]!.qmp, destination: to.qmp });
  return outcome;
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
