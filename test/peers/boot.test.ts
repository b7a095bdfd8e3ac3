import assert from 'node:assert/strict';
import { constants as files } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { bootGuest, shareFolder, testPeers } from '../guest/index.ts';

const { O_CREAT, O_RDWR, O_RDONLY } = files;

for (const [version, kernel] of [
  ['10.0', '6.12'],
  ['11.1', 'newest'],
] as const) {
  describe(`a guest with Linux ${kernel} under QEMU ${version}, and virtiofsd`, () => {
    it('boots, mounts and does file operations', async (test) => {
      await using share = await shareFolder();
      await writeFile(join(share.folder, 'host'), 'from the host');
      await using guest = await bootGuest({
        qemu: choosePeer(await testPeers(), 'qemu-system-x86_64', { version }),
        ...(kernel !== 'newest' && { kernel }),
        fs: [{ socket: share.socket, tag: 'share' }],
        test,
      });
      const { agent } = guest;
      const booted = agent.hellos.at(-1)?.kernel ?? '';
      test.diagnostic(`Linux ${booted} booted in ${(guest.bootTime / 1000).toFixed(1)} s`);
      if (kernel === 'newest') assert.ok(Number.parseInt(booted, 10) >= 7, booted);
      else assert.ok(booted.startsWith(kernel), booted);

      await agent.call('mount', ['virtiofs', 'share', '/mnt']);
      await agent.call('open', [0, '/mnt/host', O_RDONLY]);
      assert.equal((await agent.call('read', [0, 100])).data.toString(), 'from the host');
      await agent.call('close', [0]);

      const name = 'a name with % and \u00e9';
      await agent.call('open', [1, `/mnt/${name}`, O_RDWR | O_CREAT, 0o640]);
      await agent.call('pwrite', [1, 3, Buffer.from('guest').toString('hex')]);
      const stat = await agent.call('fstat', [1]);
      assert.equal(stat.size, 8);
      assert.equal(stat.mode & 0o7777, 0o640);
      assert.equal(await readFile(join(share.folder, name), 'latin1'), '\0\0\0guest');

      await agent.call('opendir', [2, '/mnt']);
      const { entries } = await agent.call('readdir', [2]);
      assert.deepEqual(entries.map((entry) => entry.name).sort(), ['.', '..', name, 'host']);
      await assert.rejects(agent.call('stat', ['/mnt/nothing']), {
        code: 'ERR_GUEST',
        errno: constants.errno.ENOENT,
        errnoName: 'ENOENT',
      });
      await assert.rejects(agent.call('open', [1, '/mnt/host', Number.NaN]), { code: 'ERR_GUEST_REQUEST' });
    });
  });
}
