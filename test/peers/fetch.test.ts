import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  cacheFolder,
  capture,
  choosePeer,
  launchProcess,
  peerNames,
  waitForSocket,
} from '../../src/launch/index.ts';
import { fetchPeers } from '../../tools/peers/fetch.ts';
import { lockFolder } from '../../tools/peers/lock.ts';
import { uncompressedKernel } from '../../tools/peers/unpack.ts';
import { testPeers } from '../guest/index.ts';

async function scratch(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-fetch-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('fetching peers', () => {
  it('has nothing to do a second time, and finds all of them', async () => {
    const peers = await testPeers();
    const start = performance.now();
    const manifests = await fetchPeers({ cache: cacheFolder(), log: (line) => assert.fail(line) });
    assert.ok(performance.now() - start < 1000);
    assert.equal(manifests.length, 3);
    for (const name of peerNames) choosePeer(peers, name, { origin: 'cache' });
    for (const version of ['10.0', '11.1']) choosePeer(peers, 'qemu-system-x86_64', { version });
    const packages = manifests.flatMap((manifest) => manifest.packages);
    assert.ok(packages.length > 200);
    assert.ok(packages.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)));
  });

  it('leaves nothing half-made and says what is wrong without apt or a mirror', async (test) => {
    const cache = await scratch(test);
    const fetch = (env: NodeJS.ProcessEnv, ...args: string[]) =>
      capture(
        [
          process.execPath,
          '--conditions=ferry-source',
          resolve('tools/peers/fetch.ts'),
          '--cache',
          cache,
          ...args,
        ],
        { deadline: 60_000, env: { ...process.env, ...env } },
      );
    const withoutApt = await fetch({ PATH: cache });
    assert.equal(withoutApt.code, 1);
    assert.match(withoutApt.stderr, /^peers: apt-get is needed/m);
    const withoutMirror = await fetch({}, '--mirror', 'http://127.0.0.1:9/none');
    assert.equal(withoutMirror.code, 1);
    assert.match(withoutMirror.stderr, /^peers: apt-get update ended with 100: .*127\.0\.0\.1/m);
    const keyring = await fetch({}, '--keyring', join(cache, 'none.gpg'));
    assert.match(keyring.stderr, /none\.gpg is missing; install the package debian-archive-keyring/);
    const left = await readdir(join(cache, 'peers'));
    assert.ok(
      left.every((name) => name.startsWith('.')),
      left.join(),
    );
  });

  it('is one at a time, and goes on when the one before was killed', async (test) => {
    const folder = await scratch(test);
    const module = new URL('../../tools/peers/lock.ts', import.meta.url).href;
    const script = `const { lockFolder } = await import('${module}');
      await lockFolder(${JSON.stringify(folder)}, () => undefined);
      console.log('held');
      setInterval(() => undefined, 1000);`;
    const holder = spawn(
      process.execPath,
      ['--conditions=ferry-source', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const closed = once(holder, 'close');
    await once(holder.stdout, 'data');
    const waits = Promise.withResolvers<void>();
    const order: string[] = [];
    const second = lockFolder(folder, waits.resolve).then((lock) => {
      order.push('second');
      return lock;
    });
    await waits.promise;
    order.push('first ends');
    holder.kill('SIGKILL');
    await using _lock = await second;
    assert.deepEqual(order, ['first ends', 'second']);
    await closed;
  });

  it('takes no other image for a kernel', () => {
    assert.throws(() => uncompressedKernel(Buffer.alloc(4096)), { code: 'ERR_PEERS_UNPACK' });
    const image = Buffer.alloc(4096);
    image.writeUInt32LE(0x53726448, 0x202);
    image.writeUInt32LE(0xffff_0000, 0x248);
    assert.throws(() => uncompressedKernel(image), { code: 'ERR_PEERS_UNPACK' });
  });
});

for (const version of ['10.0', '11.1']) {
  describe(`the storage tools of QEMU ${version}`, () => {
    it('speak vhost-user with each other through libblkio', async (test) => {
      const peers = await testPeers();
      const folder = await scratch(test);
      const image = join(folder, 'image');
      await using file = await open(image, 'w');
      await file.truncate(1 << 20);
      await file.write('x'.repeat(512), 4096);
      const daemon = choosePeer(peers, 'qemu-storage-daemon', { version });
      const socket = join(folder, 'blk.sock');
      await using child = await launchProcess({
        command: [
          ...daemon.command,
          ...['--blockdev', `file,filename=${image},node-name=disk`],
          ...[
            '--export',
            `vhost-user-blk,id=blk,node-name=disk,addr.type=unix,addr.path=${socket},writable=on`,
          ],
        ],
        env: daemon.env,
      });
      await waitForSocket(socket, { child });
      const io = choosePeer(peers, 'qemu-io', { version });
      const target = `driver=virtio-blk-vhost-user,path=${socket},cache.direct=on`;
      const ended = await capture(
        [...io.command, '--image-opts', target, '-c', `read -P ${'x'.charCodeAt(0)} 4096 512`],
        { deadline: 30_000, env: { ...process.env, ...io.env } },
      );
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stdout, /read 512\/512 bytes at offset 4096/);
    });
  });
}
