/** A guest is set back to an earlier state with its file system; QEMU dies and another takes its place. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { capture, choosePeer, type Peer } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  bootGuest,
  currentMachine,
  type FerryProcess,
  type Guest,
  launchFerry,
  testPeers,
} from '../guest/index.ts';
import { Belongings, Churn, complaints, Workplace } from './kept/index.ts';

const MOUNT = ['virtiofs', 'ferry', '/mnt'] as const;
const PIECE = 1 << 20;
/** The process in the guest that has most files open; killed, it loses them all. */
const KEEPER = 1;
const RIVAL = 11;

for (const [version, kernel] of [
  ['10.0', 'newest'],
  ['11.1', '6.12'],
] as const) {
  describe(`a guest with Linux ${kernel} under QEMU ${version}, its locks in the device`, () => {
    let folder: string;
    let qemu: Peer;
    let ferry: FerryProcess;
    let guest: Guest;
    let place: Workplace;
    let churn: Churn;
    let room: { bfree: number; ffree: number };

    before(async () => {
      const peers = await testPeers();
      qemu = choosePeer(peers, 'qemu-system-x86_64', { version });
      folder = await mkdtemp(join(tmpdir(), 'ferry-snapshot-'));
      const disk = join(folder, 'snapshots.qcow2');
      const { command, env } = choosePeer(peers, 'qemu-img', { version });
      const made = await capture([...command, 'create', '-f', 'qcow2', disk, '1M'], {
        deadline: 10_000,
        env: { ...process.env, ...env },
      });
      assert.equal(made.code, 0, made.stderr);
      ferry = await launchFerry({ memory: '64M', further: ['--locks', 'device'] });
      const node = `driver=qcow2,node-name=snapshots,file.driver=file,file.filename=${disk}`;
      guest = await boot(['-blockdev', node]);
      room = await free();
      place = new Workplace(guest.agent, '/mnt/kept');
      churn = await Churn.begin(guest.agent, '/mnt/churn');
    });

    after(async () => {
      await guest[Symbol.asyncDispose]();
      await ferry[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function boot(further: readonly string[]): Promise<Guest> {
      const booted = await bootGuest({
        qemu,
        fs: [ferry.fs],
        further,
        ...(kernel !== 'newest' && { kernel }),
      });
      await booted.agent.call('mount', [...MOUNT]);
      return booted;
    }

    async function free(): Promise<{ bfree: number; ffree: number }> {
      const { bfree, ffree } = await guest.agent.call('statfs', ['/mnt']);
      return { bfree, ffree };
    }

    async function monitor(line: string): Promise<void> {
      await using client = await QmpClient.connect(currentMachine(guest).qmp);
      const said = await client.execute(
        'human-monitor-command',
        { 'command-line': line },
        { deadlineMs: 60_000 },
      );
      assert.equal(said, '');
    }

    /** Everything is lost that is not locked, and no room is left. */
    async function wreck(): Promise<void> {
      const { agent } = guest;
      await agent.end(KEEPER);
      await place.sh(`rm -r ${place.folder}`);
      const file = await new Workplace(agent, '/mnt').open('flood');
      await assert.rejects(file.fill(64 * PIECE, 5), { errnoName: 'ENOSPC' });
    }

    it('is saved, runs on, is set back with all its files, and once more', async () => {
      const kept = await Belongings.make(place);
      for (const snapshot of ['first', 'second']) {
        await monitor(`savevm ${snapshot}`);
        await churn.goesOn();
        await wreck();
        await monitor(`loadvm ${snapshot}`);
        assert.equal((await ferry.status()).lastTransfer?.direction, 'load');
        assert.equal((await ferry.status()).lastTransfer?.outcome, 'ok');
        await kept.look();
        await churn.goesOn();
      }
      await churn.end();
      assert.deepEqual(await complaints(place), []);
    });

    it('loses its QEMU, and another finds what has a name and nothing of the boot before', async () => {
      const { agent } = guest;
      const file = await place.open('filled');
      await file.fill(PIECE, 9);
      await agent.call('setlk', [file.handle, 'write', 0, 100]);
      const rival = await place.open('filled', undefined, RIVAL);
      await assert.rejects(agent.call('setlk', [rival.handle, 'read', 50, 1], rival), {
        errnoName: 'EAGAIN',
      });
      await Churn.begin(agent, '/mnt/churn again');
      const { process: killed } = currentMachine(guest);
      killed.kill('SIGKILL');
      await killed.exited;
      await guest[Symbol.asyncDispose]();
      guest = await boot([]);
      place = new Workplace(guest.agent, '/mnt/kept');

      const again = await place.open('filled');
      await again.isFilled(PIECE, 9);
      await guest.agent.call('setlk', [again.handle, 'write', 0, 100]);
      await again.close();
      const { nlink } = await place.lstat('../churn again/kept0');
      assert.equal(nlink, 1);
      const after = await Churn.begin(guest.agent, '/mnt/churn after');
      await after.end();
      await place.sh('rm -r /mnt/*');
      assert.deepEqual(await free(), room);
      assert.deepEqual(await complaints(place), []);
    });
  });
}
