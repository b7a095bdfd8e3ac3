/** Guests of one shared directory: one moves with everything that it has open while the other one works there. */
import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
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
  launchVirtiofsd,
  moveGuest,
  startDestination,
  testPeers,
  transferState,
} from '../guest/index.ts';
import { Belongings, Churn, complaints, O_RDWR, Workplace } from './kept/index.ts';

/** Where blocks are counted when they are written, and not some time later, if there is such a place. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const MOUNT = ['virtiofs', 'ferry', '/mnt'] as const;
describe('two guests of one directory', () => {
  let scratch: string;
  let directory: string;
  let qemu: (version: string) => Peer;
  let here: FerryProcess;
  let there: FerryProcess;
  let others: FerryProcess;
  let guest: Guest;
  let other: Guest;
  let place: Workplace;
  let otherPlace: Workplace;
  let kept: Belongings;
  let churn: Churn;
  let otherChurn: Churn;

  before(async () => {
    const peers = await testPeers();
    qemu = (version) => choosePeer(peers, 'qemu-system-x86_64', { version });
    scratch = await mkdtemp(join(PLACE, 'ferry-shared-'));
    directory = join(scratch, 'shared');
    await mkdir(directory);
    const further = ['--locks', 'device'];
    [here, there, others] = await Promise.all([
      launchFerry({ directory, further }),
      launchFerry({ directory, further }),
      launchFerry({ directory, further }),
    ]);
    [guest, other] = await Promise.all([
      bootGuest({ qemu: qemu('10.0'), fs: [here.fs] }),
      bootGuest({ qemu: qemu('11.1'), kernel: '6.12', fs: [others.fs] }),
    ]);
    place = new Workplace(guest.agent, '/mnt/kept');
    otherPlace = new Workplace(other.agent, '/mnt/kept');
    await guest.agent.call('mount', [...MOUNT]);
    await other.agent.call('mount', [...MOUNT]);
    kept = await Belongings.make(place);
    churn = await Churn.begin(guest.agent, '/mnt/churn');
    otherChurn = await Churn.begin(other.agent, '/mnt/churn of the other');
  });

  after(async () => {
    for (const each of [guest, other, here, there, others]) await each[Symbol.asyncDispose]();
    await rm(scratch, { recursive: true, force: true });
  });

  it('what one has open goes with it, there and back, while the other works on the same files', async (test) => {
    const shared = await place.open('shared');
    await shared.writeAt(0, 'by the one\n');
    await place.mkdir('folder');
    const moved = await place.open('folder/moved');
    await moved.writeAt(0, 'kept');
    await (await place.open('known')).close();
    await place.lstat('known');
    await guest.agent.call('flock', [shared.handle, 'exclusive', 'nowait']);
    for (const [move, version, ferry] of [
      [1, '11.1', there],
      [2, '10.0', here],
    ] as const) {
      const from = await otherPlace.open('shared', O_RDWR);
      const moving = moveGuest(guest, qemu(version), ferry);
      await from.writeAt(11 * move, `by other ${move}\n`);
      await otherPlace.agent.call('rename', [
        otherPlace.path(move === 1 ? 'folder' : 'folder 1'),
        otherPlace.path(`folder ${move}`),
      ]);
      if (move === 1) await otherPlace.agent.call('unlink', [otherPlace.path('known')]);
      const verdict = await moving;
      test.diagnostic(`move ${move}: pause ${verdict.downtimeMs?.toFixed(0)} ms`);
      await from.close();
      await churn.goesOn();
      await otherChurn.goesOn();
      await kept.look();
      assert.equal(await shared.textAt(11 * move, 100), `by other ${move}\n`);
      assert.equal(await moved.textAt(0, 100), 'kept');
      assert.equal(await place.text(`folder ${move}/moved`), 'kept');
      await assert.rejects(place.lstat('known'), { errnoName: 'ENOENT' });
      // The lock is this guest's, and is known to its own device alone
      const rival = await place.open('shared', O_RDWR, 11);
      await assert.rejects(guest.agent.call('flock', [rival.handle, 'shared', 'nowait'], rival), {
        errnoName: 'EAGAIN',
      });
      await rival.close();
    }
    assert.equal(await readFile(join(directory, 'kept/folder 2/moved'), 'latin1'), 'kept');
    await otherChurn.end();
    assert.deepEqual(await complaints(otherPlace), []);
  });

  it('a file that was replaced before the state arrives stops the move; the guest goes on at the source', async () => {
    const file = await place.open('replaced');
    await file.writeAt(0, 'the first');
    const state = join(scratch, 'state');
    await transferState(currentMachine(guest), 'save', `file:${state}`);
    await writeFile(join(directory, 'kept/new'), 'the second');
    await rename(join(directory, 'kept/replaced'), join(scratch, 'aside'));
    await rename(join(directory, 'kept/new'), join(directory, 'kept/replaced'));
    const said: string[] = [];
    await using refusing = await launchFerry({
      directory,
      further: ['--locks', 'device'],
      onLine: (line) => void said.push(line),
    });
    const destination = await startDestination(guest, { qemu: qemu('10.0'), fs: [refusing.fs] });
    await assert.rejects(transferState(destination, 'load', `file:${state}`));
    assert.equal((await refusing.status()).lastTransfer?.outcome, 'failed');
    assert.match(said.join('\n'), /"kept\/replaced" is not what it was.*found inode \d+, expected inode \d+/);
    await destination[Symbol.asyncDispose]();
    guest.machines.pop();
    await using client = await QmpClient.connect(currentMachine(guest).qmp);
    await client.execute('cont');
    await churn.goesOn();
    assert.equal(await file.textAt(0, 100), 'the first');
  });

  it('or is an error for the guest alone, where that is asked for', async () => {
    const fine = await place.open('fine');
    await fine.writeAt(0, 'fine');
    const replaced = await place.open('replaced again');
    await replaced.writeAt(0, 'the first');
    const state = join(scratch, 'state');
    const source = currentMachine(guest);
    await transferState(source, 'save', `exec:cat > ${state}`);
    rmSync(join(directory, 'kept/replaced again'));
    writeFileSync(join(directory, 'kept/replaced again'), 'the second');
    // What was set aside is where it was, so that it is none of those
    renameSync(join(scratch, 'aside'), join(directory, 'kept/aside'));
    await source[Symbol.asyncDispose]();
    const said: string[] = [];
    await using lenient = await launchFerry({
      directory,
      further: ['--locks', 'device', '--on-mismatch', 'guest-error'],
      onLine: (line) => void said.push(line),
    });
    const destination = await startDestination(guest, { qemu: qemu('11.1'), fs: [lenient.fs] });
    await transferState(destination, 'load', `exec:cat ${state}`);
    await using client = await QmpClient.connect(destination.qmp);
    await client.execute('cont');
    await churn.goesOn();
    await place.forgetCaches();
    await assert.rejects(replaced.textAt(0, 100), { errnoName: 'EIO' });
    assert.equal(await place.text('replaced again'), 'the second');
    assert.equal(await fine.textAt(0, 100), 'fine');
    assert.match(said.join('\n'), /error for kept\/replaced again: /);
    await kept.look();
    await churn.end();
    // The device stays with the guest to its end
    await guest[Symbol.asyncDispose]();
  });
});

describe('a shared directory', () => {
  it('is to a guest as one of virtiofsd is', async (test) => {
    const peers = await testPeers();
    const scratch = await mkdtemp(join(PLACE, 'ferry-compared-'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(scratch, { recursive: true, force: true }));
    const [folder, directory] = [join(scratch, 'there'), join(scratch, 'here')];
    await mkdir(folder);
    await mkdir(directory);
    const socket = join(scratch, 'virtiofsd.sock');
    stack.use(
      await launchVirtiofsd({
        virtiofsd: choosePeer(peers, 'virtiofsd'),
        socket,
        folder,
        further: ['--allow-mmap'],
      }),
    );
    const ferry = stack.use(await launchFerry({ directory }));
    const qemu = choosePeer(peers, 'qemu-system-x86_64', { version: '11.1' });
    const guest = stack.use(await bootGuest({ qemu, fs: [ferry.fs, { socket, tag: 'virtiofsd' }], test }));
    const { agent } = guest;
    await agent.call('mkdir', ['/beside']);
    await agent.call('mount', ['virtiofs', 'virtiofsd', '/beside']);
    await agent.call('mount', [...MOUNT]);
    for (const [mount, at] of [
      ['/beside', folder],
      ['/mnt', directory],
    ] as const) {
      const work = await Churn.begin(agent, `${mount}/churn`);
      const place = new Workplace(agent, mount);
      const file = await place.open('filled');
      await file.fill(3 << 20, 7);
      await file.close();
      await place.forgetCaches();
      await (await place.open('filled')).isFilled(3 << 20, 7);
      await agent.call('chown', [place.path('filled'), 12_345, 678]);
      await agent.call('rename', [place.path('filled'), place.path('renamed')]);
      await work.end();
      const { uid, gid, size } = await stat(join(at, 'renamed'));
      assert.deepEqual([uid, gid, size], [12_345, 678, 3 << 20], mount);
      assert.deepEqual((await readdir(at)).sort(), ['churn', 'renamed'], mount);
      await writeFile(join(at, 'from the host'), 'seen');
      assert.equal(await place.text('from the host'), 'seen', mount);
    }
    assert.deepEqual(await complaints(new Workplace(agent, '/mnt')), []);
  });
});
