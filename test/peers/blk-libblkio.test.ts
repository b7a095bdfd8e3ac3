/** `ferry serve blk` used by libblkio, a front end without a guest, in the qemu-io and qemu-img of both QEMUs. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { capture, choosePeer, type Peer } from '../../src/launch/index.ts';
import { type BlkProcess, launchBlk } from '../guest/blk.ts';
import { testPeers } from '../guest/index.ts';

const MIB = 2 ** 20;
const SIZE = 16 * MIB;

for (const version of ['10.0', '11.1'])
  describe(`libblkio in QEMU ${version}`, () => {
    let folder: string;
    let image: string;
    let peer: (name: 'qemu-io' | 'qemu-img') => Peer;

    before(async () => {
      const peers = await testPeers();
      peer = (name) => choosePeer(peers, name, { version });
      folder = await mkdtemp(join(tmpdir(), 'ferry-blkio-'));
      image = join(folder, 'disk.raw');
      await writeFile(image, new Uint8Array(SIZE));
    });

    after(() => rm(folder, { recursive: true, force: true }));

    async function run(name: 'qemu-io' | 'qemu-img', args: readonly string[], code = 0): Promise<string> {
      const { command, env } = peer(name);
      const ended = await capture([...command, ...args], {
        deadline: 30_000,
        env: { ...process.env, ...env },
      });
      assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
      return ended.stdout + ended.stderr;
    }

    const disk = ({ socket }: BlkProcess, ...options: string[]) =>
      ['driver=virtio-blk-vhost-user', `path=${socket}`, 'cache.direct=on', ...options].join(',');

    /** What qemu-io says to commands, none of which may fail, unless `code` says so. */
    const io = (blk: BlkProcess, commands: readonly string[], code = 0, ...options: string[]) =>
      run(
        'qemu-io',
        ['--image-opts', disk(blk, ...options), ...commands.flatMap((each) => ['-c', each])],
        code,
      );

    for (const [what, options] of [
      ['in the page cache', ['--queues', '4']],
      ['past the page cache', ['--direct', '--lanes', '2']],
      ['written through', ['--cache', 'writethrough']],
    ] as const)
      it(`writes, reads, flushes, discards and zeroes a file ${what}`, async () => {
        await writeFile(image, new Uint8Array(SIZE));
        await using blk = await launchBlk(['--path', image, ...options]);
        const said = await io(blk, [
          'length',
          'write -P 0x5a 4096 65536',
          'read -P 0x5a 4096 65536',
          'read -P 0 0 4096',
          'flush',
          'discard 8192 8192',
          'read -P 0 8192 8192',
          'write -z 20480 4096',
          'read -P 0 20480 4096',
          'write -zu 24576 4096',
          'read -P 0 24576 4096',
          'read -P 0x5a 28672 4096',
          `write -P 7 1M 8M`,
          'aio_write -P 1 10M 4096',
          'aio_write -P 2 11M 1M',
          'aio_read -P 7 1M 8M',
          'aio_flush',
          'read -P 1 10M 4096',
          'read -P 2 11M 1M',
          `write -P 9 ${SIZE - 512} 512`,
          'flush',
        ]);
        assert.match(said, /^16 MiB$/m);
        assert.doesNotMatch(said, /Pattern verification failed/);
        const bytes = await readFile(image);
        assert.deepEqual(
          [bytes[0], bytes[4096], bytes[8192], bytes[MIB], bytes[SIZE - 1]],
          [0, 0x5a, 0, 7, 9],
        );
      });

    it('serves a disk in memory, and its next client', async () => {
      await using blk = await launchBlk(['--memory', '16M', '--queues', '2']);
      await io(blk, ['write -P 3 0 4M', 'discard 1M 1M', 'read -P 0 1M 1M']);
      assert.doesNotMatch(await io(blk, ['read -P 3 2M 2M', 'read -P 0 1M 1M']), /failed/);
    });

    it('is read-only where that was asked for', async () => {
      await writeFile(image, new Uint8Array(SIZE).fill(6));
      await using blk = await launchBlk(['--path', image, '--read-only']);
      const reading = await run('qemu-io', ['-r', '--image-opts', disk(blk), '-c', 'read -P 6 0 1M']);
      assert.doesNotMatch(reading, /failed/);
      assert.match(await io(blk, ['write 0 4096'], 1), /[Rr]ead.?only/);
    });

    it('keeps 64 requests in flight', async () => {
      await using blk = await launchBlk(['--path', image, '--direct']);
      const bench = ['bench', '--image-opts', '-t', 'none', '-d', '64', '-s', '4096'];
      await run('qemu-img', [...bench, '-c', '2000', '-w', '--flush-interval=500', disk(blk)]);
      await run('qemu-img', [...bench, '-c', '2000', disk(blk)]);
    });
  });
