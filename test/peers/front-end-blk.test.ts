/** Our front end drives qemu-storage-daemon, and what it says is checked against the image and against what was written. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { choosePeer, type LaunchedProcess, launchProcess } from '../../src/launch/index.ts';
import { BlkSession } from '../../src/machine/index.ts';
import {
  FRONT_END_PROTOCOL_FEATURES,
  FrontEnd,
  GuestRam,
  HangUpError,
  ProtocolFeature,
} from '../../src/vhost-user/index.ts';
import { testPeers } from '../guest/index.ts';
import { launchStorageDaemon } from '../guest/storage-daemon.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/drive/disk.ts', import.meta.url));
const MIB = 1 << 20;
const SIZE = 16 * MIB;
const QUEUES = 4;
const DEPTH = 8;
const PIECE = 64 << 10;

/** Bytes that follow from `seed`, different in every sector. */
function pattern(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + (i >> 9) * 7 + i) & 0xff);
}

for (const version of ['10.0', '11.1'])
  describe(`qemu-storage-daemon ${version}`, () => {
    let folder: string;
    let daemon: LaunchedProcess;
    const at = (name: string) => join(folder, name);

    const launch = async () =>
      await launchStorageDaemon({
        daemon: choosePeer(await testPeers(), 'qemu-storage-daemon', { version }),
        socket: at('blk.sock'),
        image: at('image'),
        queues: QUEUES,
        monitor: at('monitor.sock'),
      });

    const stack = new AsyncDisposableStack();
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ferry-blk-'));
      stack.defer(() => rm(folder, { recursive: true, force: true }));
      await writeFile(at('image'), new Uint8Array(SIZE));
      daemon = await launch();
      stack.defer(() => daemon[Symbol.asyncDispose]());
    });
    after(() => stack.disposeAsync());

    function session(): BlkSession {
      const one = new BlkSession({ queues: QUEUES, depth: DEPTH });
      one.connect(at('blk.sock'));
      return one;
    }

    async function onDisk(offset: number, length: number): Promise<Uint8Array> {
      await using file = await open(at('image'));
      const { buffer } = await file.read(new Uint8Array(length), 0, length, offset);
      return buffer;
    }

    it('keeps what was written through each queue', async () => {
      using disk = session();
      assert.equal(disk.capacity, SIZE);
      assert.equal(disk.config.queues, QUEUES);
      assert.equal(disk.identify(), 'vhost_user_blk');
      for (let queue = 0; queue < QUEUES; queue++) disk.write(queue * PIECE, pattern(queue, PIECE), queue);
      disk.flush(1);
      for (let queue = 0; queue < QUEUES; queue++) {
        assert.deepEqual(disk.read(queue * PIECE, PIECE, QUEUES - 1 - queue).slice(), pattern(queue, PIECE));
        assert.deepEqual(await onDisk(queue * PIECE, PIECE), pattern(queue, PIECE));
      }
      disk.discard(0, PIECE);
      disk.writeZeroes(PIECE, PIECE, { unmap: true });
      assert.ok(disk.read(PIECE, PIECE).every((byte) => byte === 0));
      assert.throws(() => disk.read(SIZE, 512), { code: 'ERR_BLK' });
    });

    it('answers many requests on all queues at once, asleep and spinning', () => {
      using disk = session();
      const slots = [...Array(DEPTH).keys()];
      for (let which = 0; which < QUEUES * DEPTH; which++) disk.write(which * 4096, pattern(which, 4096));
      for (let queue = 0; queue < QUEUES; queue++)
        for (const slot of slots) disk.prepareRead(queue, slot, (queue * DEPTH + slot) * 4096, 4096);
      const last = Array.from({ length: QUEUES * DEPTH }, (_, which) => pattern(which, 4096)[4095]);
      for (const waiting of ['blocking', 'spinning'] as const) {
        disk.waiting = waiting;
        let wrong = 0;
        const seen = Array<number>(QUEUES * DEPTH).fill(0);
        disk.streamAll(slots, 2000, (queue, slot) => {
          const which = queue * DEPTH + slot;
          seen[which]!++;
          const data = disk.data(queue, slot, 4096);
          if (disk.status(queue, slot) !== 0 || data[4095] !== last[which]) wrong++;
          data[4095] = 0;
        });
        assert.equal(wrong, 0);
        assert.equal(
          seen.reduce((sum, count) => sum + count),
          2000,
        );
        assert.ok(seen.every((count) => count > 0));
      }
    });

    it('stops and starts again, and hangs up and comes back, with the same rings', () => {
      using disk = session();
      const bytes = pattern(3, PIECE);
      disk.write(0, bytes, 2);
      for (let turn = 0; turn < 5; turn++) {
        disk.stop();
        disk.start();
        assert.deepEqual(disk.read(0, PIECE, turn % QUEUES).slice(), bytes);
        disk.reconnect(at('blk.sock'));
        assert.deepEqual(disk.read(0, PIECE, turn % QUEUES).slice(), bytes);
      }
    });

    it('works on memory that comes and goes while requests are on their way', () => {
      using disk = session();
      using further = new GuestRam(4 * MIB, 2 ** 32);
      const bytes = pattern(9, PIECE);
      disk.write(0, bytes);
      const slots = [1, 2, 3, 4, 5, 6, 7];
      for (const slot of slots) disk.prepareRead(1, slot, 0, PIECE);
      for (let turn = 0; turn < 20; turn++) {
        for (const slot of slots) disk.queues[1]!.queue.submit(slot);
        disk.queues[1]!.publish();
        disk.frontEnd.shareMemory(further);
        const target = further.guestAddress + MIB;
        further.view(target, PIECE).fill(0);
        disk.prepareRead(0, 0, 0, PIECE);
        const head = disk.headOf(0, 0);
        disk.queues[0]!.call(0, [
          head.request,
          { address: target, length: PIECE, writable: true },
          head.status,
        ]);
        assert.deepEqual(further.view(target, PIECE).slice(), bytes);
        disk.frontEnd.removeMemory(further);
        for (const _ of slots) disk.queues[1]!.await();
        for (const slot of slots) assert.deepEqual(disk.data(1, slot, PIECE).slice(), bytes);
      }
    });

    it('takes a table of memory from a front end without slots, and libblkio’s order of messages', () => {
      const protocolFeatures = FRONT_END_PROTOCOL_FEATURES & ~ProtocolFeature.CONFIGURE_MEM_SLOTS;
      for (const options of [{ protocolFeatures }, { order: 'libblkio' }] as const) {
        using disk = new BlkSession({ queues: 2 });
        disk.connect(at('blk.sock'), options);
        disk.write(PIECE, pattern(5, 4096), 1);
        assert.deepEqual(disk.read(PIECE, 4096).slice(), pattern(5, 4096));
      }
    });

    it('marks what it read into the guest as dirty', () => {
      using disk = session();
      disk.frontEnd.startLogging();
      disk.frontEnd.collectDirty();
      disk.read(0, 4096);
      const log = disk.frontEnd.collectDirty();
      const page = (disk.data(0, 0).byteOffset - disk.ram.bytes.byteOffset) / 4096;
      assert.ok((log[page >> 3]! & (1 << (page & 7))) !== 0);
      disk.frontEnd.stopLogging();
      disk.read(0, 4096);
    });

    it('is driven by the example', async () => {
      {
        using disk = session();
        for (let sector = 0; sector < 4; sector++)
          disk.write(sector * 512, new Uint8Array(512).fill(sector + 1));
      }
      const lines: string[] = [];
      await using example = await launchProcess({
        name: 'disk.ts',
        command: [process.execPath, '--conditions=ferry-source', EXAMPLE, at('blk.sock')],
        onLine: (line) => void lines.push(line),
      });
      assert.equal((await example.exited).code, 0, example.tail);
      assert.deepEqual(lines, [
        `${SIZE / 512} sectors`,
        ...[0, 1, 2, 3].map(
          (sector) => `sector ${sector}: status 0, begins with ${`0${sector + 1}`.repeat(8)}`,
        ),
      ]);
    });

    it('tells of a new size', async () => {
      using disk = session();
      const changes = disk.configChanges;
      await resize(at('monitor.sock'), 2 * SIZE);
      while (disk.configChanges === changes) disk.flush();
      assert.equal(disk.refreshConfig().capacity * 512, 2 * SIZE);
      disk.write(2 * SIZE - 4096, pattern(1, 4096));
      await resize(at('monitor.sock'), SIZE);
    });

    it('acknowledges what it refuses and hangs up: the error names what was void', () => {
      using frontEnd = FrontEnd.connect(at('blk.sock'));
      frontEnd.step.setFeatures(1n << 50n);
      assert.throws(
        () => frontEnd.ping(),
        (error) => error instanceof HangUpError && error.voidAcknowledgement === 'SET_FEATURES',
      );
    });

    it('dies, and the driver hears of it at once; its successor goes on with the rings', async () => {
      using disk = session();
      const bytes = pattern(4, PIECE);
      disk.write(0, bytes);
      const { exited } = daemon;
      daemon.kill('SIGKILL');
      await exited;
      assert.throws(() => disk.read(0, PIECE), { code: 'ERR_DISCONNECTED' });
      await rm(at('blk.sock'));
      await rm(at('monitor.sock'));
      daemon = await launch();
      disk.reconnect(at('blk.sock'));
      // The read that nobody answered is still in the ring
      assert.equal(disk.queues[0]!.await(), 0);
      assert.deepEqual(disk.data(0, 0, PIECE).slice(), bytes);
      assert.deepEqual(disk.read(0, PIECE, 1).slice(), bytes);
    });
  });

/** Change the size of the disk through the daemon's monitor. */
async function resize(monitor: string, size: number): Promise<void> {
  const socket = connect(monitor);
  try {
    const lines = createInterface({ input: socket });
    const said = (async () => {
      let answers = 0;
      for await (const line of lines) {
        if (line.includes('"error"')) throw new Error(line);
        if (line.includes('"return"') && ++answers === 2) return;
      }
      throw new Error('the monitor hung up');
    })();
    socket.write('{"execute":"qmp_capabilities"}\n');
    socket.write(
      `${JSON.stringify({ execute: 'block_resize', arguments: { 'node-name': 'disk', size } })}\n`,
    );
    await said;
  } finally {
    socket.destroy();
    await once(socket, 'close');
  }
}
