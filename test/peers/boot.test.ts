import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { choosePeer, GuestError } from '../../src/launch/index.ts';
import { bootGuest, launchVirtiofsd, testPeers } from '../guest/index.ts';

const { O_CREAT, O_RDWR, O_RDONLY } = (await import('node:fs')).constants;

for (const [version, kernel] of [
  ['10.0', '6.12'],
  ['11.1', '7.2'],
] as const) {
  describe(`a guest with Linux ${kernel} under QEMU ${version}, and virtiofsd`, () => {
    it('boots, mounts and does file operations', async (test) => {
      const peers = await testPeers();
      const scratch = await mkdtemp(join(tmpdir(), 'ferry-share-'));
      test.after(() => rm(scratch, { recursive: true, force: true }));
      const socket = join(scratch, 'fs.sock');
      const folder = join(scratch, 'shared');
      await mkdir(folder);
      await using _back = await launchVirtiofsd({
        virtiofsd: choosePeer(peers, 'virtiofsd'),
        socket,
        folder,
      });
      await writeFile(join(folder, 'host'), 'from the host');
      await using guest = await bootGuest({
        qemu: choosePeer(peers, 'qemu-system-x86_64', { version }),
        kernel,
        fs: [{ socket, tag: 'share' }],
        test,
      });
      const { agent } = guest;
      test.diagnostic(`booted in ${(guest.bootTime / 1000).toFixed(1)} s`);
      assert.ok(agent.hellos.at(-1)?.kernel.startsWith(kernel));

      await agent.call('mount', ['virtiofs', 'share', '/mnt']);
      await agent.call('open', [0, '/mnt/host', O_RDONLY]);
      assert.equal((await agent.call('read', [0, 100])).data.toString(), 'from the host');
      await agent.call('close', [0]);

      await agent.call('open', [1, '/mnt/a name with % and \u00e9', O_RDWR | O_CREAT, 0o640]);
      await agent.call('pwrite', [1, 3, Buffer.from('guest').toString('hex')]);
      const stat = await agent.call('fstat', [1]);
      assert.equal(stat.size, 8);
      assert.equal(stat.mode & 0o7777, 0o640);
      assert.equal(await readFile(join(folder, 'a name with % and \u00e9'), 'latin1'), '\0\0\0guest');

      await agent.call('fill', [1, 0, 3_000_001, 42]);
      assert.deepEqual(await agent.call('check', [1, 0, 3_000_001, 42]), {
        verdict: 'same',
        offset: undefined,
      });
      await agent.call('pwrite', [1, 2_000_000, '00']);
      const check = await agent.call('check', [1, 0, 3_000_001, 42]);
      assert.deepEqual(check, { verdict: 'different', offset: 2_000_000 });

      await agent.call('opendir', [2, '/mnt']);
      const { entries } = await agent.call('readdir', [2]);
      assert.deepEqual(entries.map(({ name }) => name).sort(), [
        '.',
        '..',
        'a name with % and \u00e9',
        'host',
      ]);
      await assert.rejects(agent.call('stat', ['/mnt/nothing']), (error: unknown) => {
        assert.ok(error instanceof GuestError);
        assert.equal(error.errno, constants.errno.ENOENT);
        assert.equal(error.errnoName, 'ENOENT');
        return true;
      });
    });
  });
}
