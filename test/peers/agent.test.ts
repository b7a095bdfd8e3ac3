/** The instruments that other tests measure with: each is shown to see what it is there to see. */
import assert from 'node:assert/strict';
import { constants as files } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  bootGuest,
  type Guest,
  type SharedFolder,
  shareFolder,
  startDestination,
  testPeers,
} from '../guest/index.ts';

const { O_CREAT, O_RDWR, O_DIRECT, O_RDONLY } = files;

describe('the agent in a guest with virtiofsd', () => {
  let share: SharedFolder;
  let guest: Guest;

  before(async () => {
    share = await shareFolder();
    const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version: '10.0' });
    guest = await bootGuest({ qemu, fs: [{ socket: share.socket, tag: 'share' }] });
    await guest.agent.call('mount', ['virtiofs', 'share', '/mnt']);
  });

  after(async () => {
    await guest[Symbol.asyncDispose]();
    await share[Symbol.asyncDispose]();
  });

  it('makes contents and finds a byte that was changed', async () => {
    const { agent } = guest;
    await agent.call('open', [1, '/mnt/filled', O_RDWR | O_CREAT]);
    await agent.call('fill', [1, 0, 3_000_001, 42]);
    const whole = [1, 0, 3_000_001, 42] as const;
    assert.deepEqual(await agent.call('check', [...whole]), { verdict: 'same', offset: undefined });
    await agent.call('pwrite', [1, 2_000_000, '00']);
    assert.deepEqual(await agent.call('check', [...whole]), { verdict: 'different', offset: 2_000_000 });
    await agent.call('ftruncate', [1, 1_000_000]);
    assert.deepEqual(await agent.call('check', [...whole]), { verdict: 'short', offset: 1_000_000 });
    await agent.call('close', [1]);
  });

  it('reads into memory that the processor leaves alone, and sees what a page should hold', async () => {
    const { agent } = guest;
    const length = 8 << 20;
    await agent.call('open', [2, '/mnt/direct', O_RDWR | O_CREAT]);
    await agent.call('fill', [2, 0, length, 7]);
    await agent.call('open', [3, '/mnt/direct', O_RDONLY | O_DIRECT]);
    const onActor = { actor: 2 };
    await agent.call('open', [3, '/mnt/direct', O_RDONLY | O_DIRECT], onActor);
    await agent.call('directprepare', [4 << 20], onActor);
    const reading = agent.call('directread', [3, length, 1], onActor);
    await reached(() => agent.progress(2), 200);
    await agent.interrupt(2);
    assert.ok((await reading).reads >= 200);
    const right = await agent.call('directcheck', [7], onActor);
    assert.ok(right.pages >= 900, `${right.pages} pages`);
    assert.equal(right.bad, 0);
    const wrong = await agent.call('directcheck', [8], onActor);
    assert.equal(wrong.bad, right.pages);
    await agent.end(2);
  });

  it('works on open files until it is told to stop, and sees what another has written', async () => {
    const { agent } = guest;
    await agent.call('mkdir', ['/mnt/work']);
    const good = await agent.call('churn', ['/mnt/work', 6, 16, 1, 1500], { actor: 3 });
    assert.equal(good.errors, 0, good.first);
    assert.equal(good.operations, 1500);
    const working = agent.call('churn', ['/mnt/work', 6, 16, 1], { actor: 3 });
    await reached(() => agent.progress(3), 500);
    await using file = await open(join(share.folder, 'work', 'kept0'), 'r+');
    await file.write(Buffer.alloc(16 * 4096), 0, 16 * 4096, 0);
    await agent.interrupt(3);
    const bad = await working;
    assert.ok(bad.errors > 0);
    assert.match(bad.first, /file 0: other contents/);
  });

  it('does the same in two directories, and sees a difference', async () => {
    const { agent } = guest;
    await agent.call('mkdir', ['/ram/there']);
    await agent.call('mkdir', ['/ram/here']);
    const same = await agent.call('differ', ['/ram/there', '/ram/here', 5, 3000]);
    assert.equal(same.verdict, 'same', same.difference);
    assert.equal(same.operations, 3000);
    await agent.call('open', [4, '/ram/here/a file too many', O_RDWR | O_CREAT]);
    const different = await agent.call('differ', ['/ram/there', '/ram/here', 6, 3000]);
    assert.equal(different.verdict, 'different');
    assert.match(different.difference, / there, .* here/);
    assert.ok(different.history.length > 0);
    await agent.call('sh', ['rm -r /ram/there /ram/here']);
  });

  it('has processes with locks of their own, which block and are interrupted', async () => {
    const { agent } = guest;
    const lock = [5, 'write', 0, 100] as const;
    for (const actor of [4, 5]) await agent.call('open', [5, '/mnt/locked', O_RDWR | O_CREAT], { actor });
    await agent.call('setlk', [...lock], { actor: 4 });
    await assert.rejects(agent.call('setlk', [...lock], { actor: 5 }), { errnoName: 'EAGAIN' });
    const blocked = assert.rejects(agent.call('setlkw', [...lock], { actor: 5 }), { errnoName: 'EINTR' });
    await until(async () => {
      await agent.interrupt(5);
      return Promise.race([blocked.then(() => true), agent.ping().then(() => false)]);
    });
    assert.equal((await agent.call('getlk', [...lock], { actor: 5 }))?.start, 0);
    const waiting = agent.call('setlkw', [...lock], { actor: 5 });
    await agent.end(4);
    await waiting;
  });

  it('keeps ten thousand files open', async () => {
    const { agent } = guest;
    await agent.call('mkdir', ['/ram/many']);
    await agent.call('openmany', [1000, 10_000, '/ram/many/', O_RDWR | O_CREAT]);
    await agent.call('fstat', [10_999]);
    await agent.call('closemany', [1000, 10_000]);
    await assert.rejects(agent.call('fstat', [10_999]), { errnoName: 'EBADF' });
  });

  it('goes through a directory in steps, and back to where it was', async () => {
    const { agent } = guest;
    await agent.call('mkdir', ['/mnt/many']);
    for (let i = 0; i < 30; i++) await writeFile(join(share.folder, 'many', `file ${i}:,`), '');
    await agent.call('opendir', [6, '/mnt/many']);
    const seen = new Set<string>();
    let half: { offset: bigint; rest: string[] } | undefined;
    for (;;) {
      const { entries } = await agent.call('readdir', [6, 200]);
      if (entries.length === 0) break;
      for (const { name } of entries) {
        assert.ok(!seen.has(name), `${name} twice`);
        seen.add(name);
        half?.rest.push(name);
      }
      if (seen.size >= 16 && half === undefined) {
        half = { offset: (await agent.call('telldir', [6])).offset, rest: [] };
      }
    }
    assert.equal(seen.size, 32);
    await agent.call('seekdir', [6, half!.offset]);
    const again: string[] = [];
    for (;;) {
      const { entries } = await agent.call('readdir', [6]);
      if (entries.length === 0) break;
      again.push(...entries.map(({ name }) => name));
    }
    assert.deepEqual(again, half?.rest);
  });

  it('reboots, and its driver is unbound and bound', async () => {
    const { agent } = guest;
    const { boot } = agent.hellos.at(-1)!;
    const hello = await agent.reboot();
    assert.notEqual(hello.boot, boot);
    await agent.call('mount', ['virtiofs', 'share', '/mnt']);
    await agent.call('stat', ['/mnt/filled']);
    await agent.call('umount', ['/mnt']);
    const driver = '/sys/bus/virtio/drivers/virtiofs';
    const { output } = await agent.call('sh', [`cd ${driver} && ls -d virtio*`]);
    await agent.call('put', [`${driver}/unbind`, output.trim()]);
    await assert.rejects(agent.call('mount', ['virtiofs', 'share', '/mnt']), { code: 'ERR_GUEST' });
    await agent.call('put', [`${driver}/bind`, output.trim()]);
    await agent.call('mount', ['virtiofs', 'share', '/mnt']);
    await agent.call('stat', ['/mnt/filled']);
  });
});

describe('the agent in a guest that moves', () => {
  for (const [from, to] of [
    ['10.0', '11.1'],
    ['11.1', '10.0'],
  ] as const) {
    it(`answers on from QEMU ${from} to ${to}, and its beats tell the pause`, async (test: TestContext) => {
      const peers = await testPeers();
      const qemu = (version: string) => choosePeer(peers, 'qemu-system-x86_64', { version });
      await using guest = await bootGuest({ qemu: qemu(from), kernel: '6.12', memory: 192, test });
      const { agent } = guest;
      await agent.call('open', [0, '/ram/kept', O_RDWR | O_CREAT]);
      await agent.call('fill', [0, 0, 20 << 20, 3]);
      const dirtying = agent.call('dirtyram', [4 << 20, 20_000], { actor: 2 });
      const destination = await startDestination(guest, { qemu: qemu(to) });
      await using source = await QmpClient.connect(guest.machines[0]!.qmp);
      await using target = await QmpClient.connect(destination.qmp);
      await agent.beatEvery(5);
      for (const side of [source, target]) {
        const capabilities = [{ capability: 'events', state: true }] as const;
        await side.execute('migrate-set-capabilities', { capabilities: [...capabilities] });
      }
      await target.execute('migrate-incoming', { uri: `unix:${guest.folder}/migration` });
      using events = source.events(['MIGRATION']);
      await source.execute('migrate', { uri: `unix:${guest.folder}/migration` });
      for await (const event of events) {
        assert.notEqual(event.data.status, 'failed');
        if (event.data.status === 'completed') break;
      }
      // The guest stands still: a request waits until it runs again
      const asked = agent.call('check', [0, 0, 20 << 20, 3]);
      const pause = 300;
      await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, pause))]);
      await target.execute('cont');
      assert.deepEqual(await asked, { verdict: 'same', offset: undefined });
      await agent.interrupt(2);
      const ram = await dirtying;
      assert.ok(ram.rounds > 0);
      assert.equal(ram.bad, 0);
      const report = agent.heartbeat.report();
      const { downtime } = await source.execute('query-migrate');
      test.diagnostic(
        `pause ${report.longestGap.toFixed(0)} ms here, ${report.longestGuestGap.toFixed(0)} ms by the guest's clock, QEMU says ${downtime} ms; ${report.missing} of ${report.beats} beats missing`,
      );
      assert.ok(report.longestGap >= pause, `${report.longestGap}`);
      assert.ok(report.longestGuestGap < report.longestGap, `${report.longestGuestGap}`);
      assert.equal(agent.hellos.length, 1);
    });
  }
});

/** Repeats until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

/** Waits until an actor has come so far. */
async function reached(progress: () => Promise<{ operations: number }>, operations: number): Promise<void> {
  await until(async () => (await progress()).operations >= operations);
}
