/** `ferry probe` asks real back ends, politely and not: what it says of them, and that a guest is not disturbed. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FuseClient } from '../../src/fuse/index.ts';
import { choosePeer, launchProcess, type Peers, waitForSocket } from '../../src/launch/index.ts';
import { BlkSession, FuseSession } from '../../src/machine/index.ts';
import { launchFerry, launchVirtiofsd, testPeers } from '../guest/index.ts';
import { launchStorageDaemon } from '../guest/storage-daemon.ts';

const FERRY = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

let folder: string;
let peers: Peers;
const stack = new AsyncDisposableStack();
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-probe-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  peers = await testPeers();
});
after(() => stack.disposeAsync());

/** The command as a user runs it. */
async function ferryProbe(...args: string[]): Promise<{ code: number | null; lines: string[] }> {
  const lines: string[] = [];
  await using child = await launchProcess({
    name: 'ferry probe',
    command: [FERRY, 'probe', ...args],
    env: { NO_COLOR: '1' },
    onLine: (line) => void lines.push(line),
  });
  const { code } = await child.exited;
  return { code, lines };
}

/** `ferry probe --json`, read back. */
async function document(...args: string[]) {
  const { code, lines } = await ferryProbe(...args, '--json');
  return { code, found: JSON.parse(lines.join('\n')) };
}

it('says what qemu-storage-daemon offers, in the middle of a guest’s work', async () => {
  const image = join(folder, 'image');
  await writeFile(image, new Uint8Array(1 << 20));
  const daemon = choosePeer(peers, 'qemu-storage-daemon', { version: '11.1' });
  const socket = join(folder, 'blk.sock');
  await using _child = await launchStorageDaemon({ daemon, socket, image, queues: 2 });
  const { code, lines } = await ferryProbe(socket);
  assert.equal(code, 0);
  assert.match(lines[0]!, /^Nothing stands in the way of a migration: blk at /);
  assert.ok(lines.some((line) => /^Configuration +1\.0 MiB, blocks of 512 bytes, 2 queues/.test(line)));
  assert.ok(lines.some((line) => /the device was not taken/.test(line)));
  using disk = new BlkSession();
  disk.connect(socket);
  disk.write(0, new Uint8Array(512).fill(7));
  // It serves one front end at a time, and that is the guest's
  assert.equal((await ferryProbe(socket, '--deadline', '200')).code, 3);
  assert.equal(disk.read(0, 512)[0], 7);
});

it('leaves a guest of ferry’s alone, and says that it is ready to move', async () => {
  await using ferry = await launchFerry({ memory: '16M', further: ['--tag', 'probed'] });
  using session = new FuseSession();
  session.connect(ferry.socket);
  const client = new FuseClient(session.transport);
  client.init();
  const { entry, handle } = client.create(1, 'file', 0o2, 0o600);
  client.write(entry.node, handle, 0, Uint8Array.of(1, 2, 3));
  const { code, found } = await document(ferry.socket, '--type', 'fs');
  assert.deepEqual([...client.read(entry.node, handle, 0, 10)], [1, 2, 3]);
  assert.equal(code, 0, JSON.stringify(found.findings));
  assert.equal(found.config.tag, 'probed');
  assert.equal(found.migration.deviceState, true);
  assert.deepEqual(found.migration.qemu[1].blockers, []);
  // Whoever wants to take the device over has to wait until the guest is gone
  const early = await document(ferry.socket, '--type', 'fs', '--deep');
  assert.equal(early.code, 1);
  assert.deepEqual([...client.read(entry.node, handle, 0, 10)], [1, 2, 3]);
  session[Symbol.dispose]();
  const deep = await document(ferry.socket, '--type', 'fs', '--deep');
  assert.equal(deep.code, 0, JSON.stringify(deep.found.findings));
  assert.deepEqual(
    deep.found.trial.steps.map(({ what, ok }: { what: string; ok: boolean }) => [what, ok]),
    [
      ['memory', true],
      ['log', true],
      ['save', true],
      ['load', true],
    ],
  );
});

it('takes virtiofsd over when it is told to, saves and loads it', async () => {
  const shared = join(folder, 'shared');
  await mkdir(shared);
  const socket = join(folder, 'fs.sock');
  const virtiofsd = choosePeer(peers, 'virtiofsd');
  await using _child = await launchVirtiofsd({
    virtiofsd,
    socket,
    folder: shared,
    further: ['--tag', 'there'],
  });
  const { code, found } = await document(socket, '--type', 'fs', '--deep');
  assert.equal(code, 0, JSON.stringify(found.findings));
  assert.equal(found.config.tag, 'there');
  assert.equal(found.trial.stateBytes, 10);
});

it('finds that passt leaves once its state is saved', async () => {
  const peer = choosePeer(peers, 'passt');
  const socket = join(folder, 'net.sock');
  await using child = await launchProcess({
    name: 'passt',
    command: [
      ...peer.command,
      ...['--vhost-user', '--foreground', '--socket', socket, '--repair-path', 'none'],
      ...['--tcp-ports', 'none', '--udp-ports', 'none', '--ipv4-only'],
      ...['--address', '192.0.2.100', '--netmask', '24', '--gateway', '192.0.2.1'],
    ],
    env: peer.env,
  });
  await waitForSocket(socket, { child });
  const { code, found } = await document(socket, '--deep');
  assert.equal(code, 1);
  assert.equal(found.type, 'net');
  assert.deepEqual(
    found.findings
      .filter(({ severity }: { severity: string }) => severity === 'problem')
      .map(({ code: one }: { code: string }) => one),
    ['trial-load'],
  );
  assert.match(found.trial.steps.at(-1).found, /left once its state was saved/);
});

it('says how it is used', async () => {
  assert.equal((await ferryProbe(join(folder, 'x'), '--type', 'toaster')).code, 2);
  const { code, lines } = await ferryProbe('--help');
  assert.equal(code, 0);
  assert.ok(lines.some((line) => line.startsWith('Exit codes: 0 nothing stands in the way')));
});
