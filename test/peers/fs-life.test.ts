/** What happens to a guest beside its moves: pauses, copies in a file, reboots, and a driver that leaves and comes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  bootGuest,
  currentMachine,
  type FerryProcess,
  type Guest,
  launchFerry,
  moveGuest,
  startDestination,
  testPeers,
  transferState,
} from '../guest/index.ts';
import { Belongings, Churn, complaints, Workplace } from './kept/index.ts';

const MOUNT = ['virtiofs', 'ferry', '/mnt'] as const;

describe('a guest with its locks in the device, under QEMU 11.1', () => {
  let folder: string;
  let qemu: (version: string) => Peer;
  let here: FerryProcess;
  let there: FerryProcess;
  let guest: Guest;
  let place: Workplace;
  let kept: Belongings;
  let churn: Churn;
  let room: { bfree: number; ffree: number };

  before(async () => {
    const peers = await testPeers();
    qemu = (version) => choosePeer(peers, 'qemu-system-x86_64', { version });
    folder = await mkdtemp(join(tmpdir(), 'ferry-life-'));
    here = await launchFerry({ further: ['--locks', 'device'] });
    there = await launchFerry({ further: ['--locks', 'device'] });
    guest = await bootGuest({ qemu: qemu('11.1'), fs: [here.fs] });
    place = new Workplace(guest.agent, '/mnt/kept');
    await guest.agent.call('mount', [...MOUNT]);
    room = await free();
    kept = await Belongings.make(place);
    churn = await Churn.begin(guest.agent, '/mnt/churn');
  });

  after(async () => {
    await guest[Symbol.asyncDispose]();
    await here[Symbol.asyncDispose]();
    await there[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function free(): Promise<{ bfree: number; ffree: number }> {
    const { bfree, ffree } = await guest.agent.call('statfs', ['/mnt']);
    return { bfree, ffree };
  }

  async function monitor<T>(ask: (client: QmpClient) => Promise<T>): Promise<T> {
    await using client = await QmpClient.connect(currentMachine(guest).qmp);
    return await ask(client);
  }

  it('is stopped and started a hundred times while it works', async () => {
    await monitor(async (client) => {
      for (let i = 0; i < 100; i++) {
        await client.execute('stop');
        assert.equal((await here.status()).ringsRunning, 0);
        await client.execute('cont');
        await churn.goesOn();
      }
    });
    await kept.look();
  });

  it('is migrated to a file and goes on at the source', async () => {
    await transferState(currentMachine(guest), 'save', `file:${folder}/first`);
    assert.equal((await here.status()).lastTransfer?.outcome, 'ok');
    await monitor(async (client) => {
      assert.equal((await client.execute('query-status')).status, 'postmigrate');
      await client.execute('cont');
    });
    await churn.goesOn();
    await kept.look();
  });

  it('is migrated to a command, and goes on from there in another QEMU and another Ferry process', async () => {
    const source = currentMachine(guest);
    await transferState(source, 'save', `exec:cat > ${folder}/second`);
    await source[Symbol.asyncDispose]();
    const destination = await startDestination(guest, { qemu: qemu('11.1'), fs: [there.fs] });
    await transferState(destination, 'load', `exec:cat ${folder}/second`);
    await monitor((client) => client.execute('cont'));
    await churn.goesOn();
    await kept.look();
  });

  it('moves back to the first Ferry process', async () => {
    await moveGuest(guest, qemu('10.0'), here);
    await churn.goesOn();
    await kept.look();
    await churn.end();
    assert.deepEqual(await complaints(place), []);
  });

  it('reboots after a move: what has a name is there, what belonged to the boot is gone', async () => {
    await guest.agent.reboot();
    await guest.agent.call('mount', [...MOUNT]);
    assert.match(await place.text('log'), /^line 0\nline 1\n/);
    const file = await place.open('locked by posix');
    await guest.agent.call('setlk', [file.handle, 'write', 0, 1000]);
    await file.close();
    await place.sh('rm -r /mnt/*');
    assert.deepEqual(await free(), room);
  });

  it('has its driver unbound and bound after a move', async () => {
    const { agent } = guest;
    const mounted = new Workplace(agent, '/mnt');
    const file = await mounted.open('filled');
    await file.fill(1 << 20, 3);
    await file.close();
    await agent.call('umount', ['/mnt']);
    const driver = '/sys/bus/virtio/drivers/virtiofs';
    const device = (await place.sh(`cd ${driver} && ls -d virtio*`)).trim();
    for (let i = 0; i < 3; i++) {
      await agent.call('put', [`${driver}/unbind`, device]);
      await assert.rejects(agent.call('mount', [...MOUNT]), { code: 'ERR_GUEST' });
      await agent.call('put', [`${driver}/bind`, device]);
      await agent.call('mount', [...MOUNT]);
      const again = await mounted.open('filled');
      await again.isFilled(1 << 20, 3);
      await again.close();
      if (i < 2) await agent.call('umount', ['/mnt']);
    }
  });

  it('moves once more after all that', async () => {
    kept = await Belongings.make(place);
    churn = await Churn.begin(guest.agent, '/mnt/churn');
    await moveGuest(guest, qemu('11.1'), there);
    await kept.look();
    await churn.end();
    assert.deepEqual(await complaints(place), []);
    assert.equal(guest.agent.hellos.length, 2);
  });
});
