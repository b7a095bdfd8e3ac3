/** The same `ferry migrate` moves guests that have nothing of Ferry: with no file system at all, and with virtiofsd. */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { capture, choosePeer, type VirtualMachine } from '../../src/launch/index.ts';
import {
  bootGuest,
  currentMachine,
  launchVirtiofsd,
  shareFolder,
  startDestination,
  testPeers,
} from '../guest/index.ts';
import { Churn, complaints, Workplace } from './kept/index.ts';

const { O_CREAT, O_RDWR } = constants;
const MIB = 1 << 20;
const DIRTYING = 5;
const ferry = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

async function ferryMigrate(source: VirtualMachine, destination: VirtualMachine): Promise<void> {
  const { code, stdout, stderr } = await capture(
    [ferry, 'migrate', '--qmp', source.qmp, '--to-qmp', destination.qmp, '--json'],
    { deadline: 60_000 },
  );
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const lines = stdout.trim().split('\n');
  const { type, ok, outcome, guestAt, guestState } = JSON.parse(lines.at(-1) ?? '');
  assert.deepEqual(
    { type, ok, outcome, guestAt, guestState },
    { type: 'result', ok: true, outcome: 'moved', guestAt: 'destination', guestState: 'running' },
  );
  assert.equal(stderr, '');
  await source[Symbol.asyncDispose]();
}

describe('ferry migrate', () => {
  for (const [from, to, kernel] of [
    ['10.0', '11.1', '6.12'],
    ['11.1', '10.0', 'newest'],
  ] as const) {
    it(`moves a plain guest from QEMU ${from} to ${to} with its memory`, async (test) => {
      const peers = await testPeers();
      const qemu = (version: string) => choosePeer(peers, 'qemu-system-x86_64', { version });
      await using guest = await bootGuest({
        qemu: qemu(from),
        test,
        ...(kernel !== 'newest' && { kernel }),
      });
      const { agent } = guest;
      const place = new Workplace(agent, '/ram');
      const file = await place.open('kept', O_RDWR | O_CREAT);
      await file.fill(20 * MIB, 3);
      const dirtying = agent.call('dirtyram', [4 * MIB, 20_000], { actor: DIRTYING });
      const destination = await startDestination(guest, { qemu: qemu(to) });
      await ferryMigrate(guest.machines[0]!, destination);
      await file.isFilled(20 * MIB, 3);
      await agent.interrupt(DIRTYING);
      const { rounds, bad } = await dirtying;
      assert.ok(rounds > 0);
      assert.equal(bad, 0);
      assert.deepEqual(await complaints(place), []);
    });
  }

  it('moves a guest with virtiofsd, whose open files go on', async (test) => {
    const peers = await testPeers();
    const qemu = choosePeer(peers, 'qemu-system-x86_64', { version: '11.1' });
    await using share = await shareFolder();
    const socket = `${share.socket}.second`;
    await using _second = await launchVirtiofsd({
      virtiofsd: choosePeer(peers, 'virtiofsd'),
      socket,
      folder: share.folder,
    });
    await using guest = await bootGuest({ qemu, fs: [{ socket: share.socket, tag: 'share' }], test });
    const { agent } = guest;
    await agent.call('mount', ['virtiofs', 'share', '/mnt']);
    const place = new Workplace(agent, '/mnt');
    const file = await place.open('open');
    await file.write('before the move, ');
    await writeFile(join(share.folder, 'host'), 'from the host');
    const host = await place.open('host', O_RDWR);
    assert.equal(await host.read(5), 'from ');
    const destination = await startDestination(guest, { qemu, fs: [{ socket, tag: 'share' }] });
    await ferryMigrate(guest.machines[0]!, destination);
    await place.forgetCaches();
    await file.write('after the move');
    assert.equal(await file.textAt(0, 100), 'before the move, after the move');
    assert.equal(await host.read(100), 'the host');
    assert.equal(await place.text('open'), 'before the move, after the move');
    const churn = await Churn.begin(agent, '/ram/churn');
    await churn.end();
    assert.deepEqual(await complaints(place), []);
    assert.equal(currentMachine(guest), destination);
  });
});
