/** Real guests with their disk behind `ferry serve blk`: its size, file systems on it, kills under load, and moves. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { migrate } from '../../src/migrate/index.ts';
import { type BlkProcess, blkArguments, LOAD_DRIVER, launchBlk, withBlkDriver } from '../guest/blk.ts';
import { bootGuest, currentMachine, type Guest, startDestination, testPeers } from '../guest/index.ts';
import { Churn } from './kept/index.ts';

const MIB = 2 ** 20;
const SIZE = 64 * MIB;

interface Case {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  /** Options of the device in QEMU. */
  readonly device: readonly string[];
  /** Options of `ferry serve blk`. */
  readonly serve: readonly string[];
  readonly queues: number;
}

const CASES: readonly Case[] = [
  {
    what: 'a disk with one split queue, from QEMU 10.0 to 11.1',
    from: '10.0',
    to: '11.1',
    // Rings have up to 1024 entries there whatever it says; this is for how many requests are kept note of
    device: ['num-queues=1', 'queue-size=1024'],
    serve: ['--serial', 'kept'],
    queues: 1,
  },
  {
    what: 'a disk with two packed queues, within QEMU 11.1, requests in flight left to the destination',
    from: '11.1',
    to: '11.1',
    device: ['num-queues=2', 'queue-size=256', 'packed=on', 'inflight-migration=on'],
    serve: ['--serial', 'kept', '--queues', '2', '--direct'],
    queues: 2,
  },
];

for (const { what, from, to, device, serve, queues } of CASES)
  describe(what, () => {
    let folder: string;
    let image: string;
    let here: BlkProcess;
    let there: BlkProcess | undefined;
    let guest: Guest;
    let churn: Churn;

    const sh = async (script: string): Promise<string> => {
      const { status, output } = await guest.agent.call('sh', [script], { deadline: 30_000 });
      assert.equal(status, 0, `${script}: ${output}`);
      return output;
    };
    const socketOf = (name: string) => join(folder, `${name}.sock`);
    const launch = (name: string) => launchBlk(['--path', image, ...serve], { socket: socketOf(name) });

    before(async () => {
      const peers = await testPeers();
      folder = await mkdtemp(join(tmpdir(), 'ferry-disk-'));
      image = join(folder, 'disk.raw');
      await writeFile(image, new Uint8Array(SIZE));
      here = await launch('here');
      const driver = await withBlkDriver(folder, peers);
      guest = await bootGuest({
        qemu: choosePeer(peers, 'qemu-system-x86_64', { version: from }),
        cpus: queues,
        further: (path) => [
          ...blkArguments(socketOf(path.endsWith('vm0') ? 'here' : 'there'), device, ['reconnect-ms=20']),
          ...driver,
        ],
      });
      await sh(LOAD_DRIVER);
    });

    after(async () => {
      await guest[Symbol.asyncDispose]();
      await here[Symbol.asyncDispose]();
      await there?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    it('is seen as it is offered', async () => {
      const seen = await sh('cd /sys/block/vda; cat size serial ro; echo; ls mq; cat queue/write_cache');
      const names = Array.from({ length: queues }, (_, i) => i);
      assert.deepEqual(seen.split('\n').filter(Boolean), [
        String(SIZE / 512),
        'kept0',
        ...names.map(String),
        'write back',
      ]);
    });

    it('has its write cache off when the guest wants that', async () => {
      const cache = '/sys/block/vda/cache_type';
      await sh(`echo "write through" > ${cache}; grep -q "write through" ${cache}`);
      await sh('dd if=/dev/zero of=/dev/vda bs=4096 count=1 oflag=direct 2>/ram/dd');
      await sh(`echo "write back" > ${cache}; grep -q "write back" ${cache}`);
    });

    it('grows under the guest', async () => {
      await truncate(image, 2 * SIZE);
      assert.equal(await here.resize(), 2 * SIZE);
      await sh(
        `i=0; until grep -qx ${(2 * SIZE) / 512} /sys/block/vda/size; do i=$((i+1)); [ $i -lt 200 ]; done`,
      );
    });

    it('holds a file system', async () => {
      await sh('busybox mke2fs -q -b 4096 /dev/vda >/ram/mke2fs; mount -t ext4 -o sync /dev/vda /mnt');
      await guest.agent.call('open', [0, '/mnt/filled', 0o102, 0o644]);
      await guest.agent.call('fill', [0, 0, 8 * MIB, 5], { deadline: 30_000 });
      await sh('echo 3 > /proc/sys/vm/drop_caches');
      await guest.agent.call('check', [0, 0, 8 * MIB, 5], { deadline: 30_000 });
      await guest.agent.call('close', [0]);
      await sh('rm /mnt/filled; busybox fstrim /mnt');
    });

    it('loses and repeats nothing when its process is killed under load', async () => {
      churn = await Churn.begin(guest.agent, '/mnt/churn');
      // Each sector of a file has the last number that was written to it: an older one would have been written again
      const counting = guest.agent.call(
        'sh',
        [
          'i=0; while [ $i -lt 24 ]; do i=$((i+1)); ' +
            'echo $i | dd of=/mnt/count bs=512 count=1 conv=sync,notrunc oflag=direct seek=$((i%4)) 2>/dev/null; done',
        ],
        { actor: 21, deadline: 60_000 },
      );
      for (let life = 0; life < 2; life++) {
        await churn.goesOn();
        here.process.kill('SIGKILL');
        await here.process.exited;
        await here[Symbol.asyncDispose]();
        here = await launch('here');
        await churn.goesOn();
      }
      await counting;
      await sh('echo 3 > /proc/sys/vm/drop_caches');
      const counted = await sh(
        'for i in 0 1 2 3; do dd if=/mnt/count bs=512 count=1 skip=$i iflag=direct 2>/dev/null | tr -d "\\0"; done',
      );
      assert.deepEqual(counted.trim().split('\n'), ['24', '21', '22', '23']);
    });

    it('moves with its guest, which works on it all the time', async () => {
      there = await launch('there');
      const peers = await testPeers();
      const source = currentMachine(guest);
      const qemu = choosePeer(peers, 'qemu-system-x86_64', { version: to });
      const destination = await startDestination(guest, { qemu });
      const verdict = await migrate({ source: source.qmp, destination: destination.qmp });
      assert.equal(verdict.outcome, 'moved', verdict.why);
      await source[Symbol.asyncDispose]();
      await churn.goesOn();
      assert.ok((await there.status()).ringsRunning >= 1);
      await sh('echo 3 > /proc/sys/vm/drop_caches');
      await churn.goesOn();
      await churn.end();
      const complaints = await sh('dmesg | grep -iE "I/O error|EXT4-fs (error|warning)|hung" || true');
      assert.equal(complaints, '');
    });
  });
