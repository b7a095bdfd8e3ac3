import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  cacheFolder,
  chooseKernel,
  choosePeer,
  compareVersions,
  findPeers,
  type SetManifest,
  versionIn,
} from '../../../src/launch/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferry-peers-'));
after(() => rmSync(folder, { recursive: true }));

function addSet(cache: string, set: string, manifest: Partial<SetManifest> | string): void {
  const at = join(cache, 'peers', set);
  mkdirSync(at, { recursive: true });
  const whole = { format: 1, set, recipe: 'r', packages: [], programs: [], kernels: [] };
  const text = typeof manifest === 'string' ? manifest : JSON.stringify({ ...whole, ...manifest });
  writeFileSync(join(at, 'manifest.json'), text);
}

function addProgram(name: string, script: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

describe('peers', () => {
  const cache = join(folder, 'cache');
  mkdirSync(join(folder, 'bin'));
  addProgram('qemu-system-x86_64', 'echo "QEMU emulator version 9.2.1 (somebody)"');
  addProgram('passt', 'echo "passt 2025_09_19.623dbf6"; exit 0');
  addProgram('qemu-io', 'echo broken >&2; exit 1');
  const qemu = (version: string) => ({
    name: 'qemu-system-x86_64',
    version,
    path: 'root/usr/bin/qemu-system-x86_64',
  });
  const kernel = (release: string) => ({ release, image: 'kernel/vmlinux', config: 'kernel/config' });
  addSet(cache, 'old', { programs: [qemu('10.0.13')], kernels: [kernel('6.12.107')] });
  addSet(cache, 'new', { programs: [qemu('11.1.3')], kernels: [kernel('7.2.12')] });
  addSet(cache, 'damaged', '{');
  addSet(cache, '.making', '{');

  it('are found on PATH and in the cache, PATH first, newest first', async () => {
    const peers = await findPeers({ cache, path: join(folder, 'bin') });
    const found = peers.programs.filter(({ name }) => name === 'qemu-system-x86_64');
    assert.deepEqual(
      found.map(({ version, origin }) => [version, origin]),
      [
        ['9.2.1', 'path'],
        ['11.1.3', 'cache'],
        ['10.0.13', 'cache'],
      ],
    );
    assert.equal(choosePeer(peers, 'passt', { origin: 'path' }).version, '2025.09.19');
    assert.equal(choosePeer(peers, 'qemu-system-x86_64', { version: '10.0' }).set, 'old');
    assert.equal(choosePeer(peers, 'qemu-system-x86_64', { version: '10' }).set, 'old');
    assert.equal(choosePeer(peers, 'qemu-system-x86_64', { origin: 'cache' }).set, 'new');
    assert.equal(chooseKernel(peers).release, '7.2.12');
    assert.equal(chooseKernel(peers, '6.12').set, 'old');
  });

  it('say what was passed over', async () => {
    const { problems } = await findPeers({ cache, path: join(folder, 'bin') });
    assert.equal(problems.length, 2);
    assert.match(problems.join('\n'), /damaged is left out: .*not JSON/);
    assert.match(problems.join('\n'), /qemu-io is left out: --version ended with 1, broken/);
  });

  it('that are missing are named with what is there', async () => {
    const peers = await findPeers({ cache, path: '' });
    assert.throws(() => choosePeer(peers, 'qemu-system-x86_64', { version: '1' }), {
      code: 'ERR_PEER_MISSING',
      message: /qemu-system-x86_64 1 is not here; there is 11.1.3 \(cache\), 10.0.13 \(cache\)/,
    });
    assert.throws(() => chooseKernel(peers, '5'), { code: 'ERR_PEER_MISSING' });
    const none = await findPeers({ cache: join(folder, 'nothing'), path: '' });
    assert.equal(none.initramfs, undefined);
    assert.deepEqual(none.kernels, []);
  });

  it('of a set start through its own loader, with its own data', async () => {
    const peers = await findPeers({ cache, path: '' });
    const { command, env } = choosePeer(peers, 'qemu-system-x86_64', { version: '10.0' });
    const root = join(cache, 'peers/old/root');
    const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
    assert.deepEqual(command.slice(0, 4), [
      join(libraries, 'ld-linux-x86-64.so.2'),
      '--library-path',
      libraries,
      join(root, 'usr/bin/qemu-system-x86_64'),
    ]);
    assert.ok(command.includes(join(root, 'usr/share/seabios')));
    assert.equal(env.QEMU_MODULE_DIR, join(libraries, 'qemu'));
  });

  it('are cached where the environment says', () => {
    assert.equal(cacheFolder({ FERRY_CACHE: '/c' }), '/c');
    assert.equal(cacheFolder({ XDG_CACHE_HOME: '/x' }), '/x/ferry');
    assert.match(cacheFolder({ XDG_CACHE_HOME: 'relative' }), /\/\.cache\/ferry$/);
  });

  it('have versions that are compared by number', () => {
    const sorted = ['9.2', '10.0.13', '10.0.2', '10', '11.1-rc1'].sort(compareVersions);
    assert.deepEqual(sorted, ['9.2', '10', '10.0.2', '10.0.13', '11.1-rc1']);
    assert.equal(versionIn('virtiofsd 1.13.2'), '1.13.2');
    assert.equal(versionIn('BusyBox v1.37.0 (Debian)'), '1.37.0');
    assert.equal(versionIn('nothing'), undefined);
  });
});
