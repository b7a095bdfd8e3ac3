/** A disk in a process of its own, used by our own front end: killed under requests, resized, moved. */
import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BlkSession } from '../../../src/machine/index.ts';
import { connectUnix } from '../../../src/sys/index.ts';
import { type BlkProcess, launchBlk } from '../../guest/blk.ts';
import { saveState } from '../../support/device/guest.ts';
import { testFolder } from '../../support/device/served.ts';

const BLOCK = 4096;
const MIB = 2 ** 20;
const QUEUES = 2;
const DEPTH = 32;

/** Keeps every slot of every queue busy: each writes its own block again and again, with a number that counts up. */
class Writer {
  readonly session: BlkSession;
  /** By queue and slot: the number that is being written, and the last one that was answered. */
  readonly sent: number[];
  readonly answered: number[];
  readonly #inFlight: boolean[];
  total = 0;

  constructor(session: BlkSession) {
    this.session = session;
    this.sent = Array(QUEUES * DEPTH).fill(0);
    this.answered = Array(QUEUES * DEPTH).fill(0);
    this.#inFlight = Array(QUEUES * DEPTH).fill(false);
  }

  get busy(): number {
    return this.#inFlight.filter(Boolean).length;
  }

  /** Go on until so many more answers have come; `refill` keeps the slots busy. */
  go(count: number, { refill }: { refill: boolean }): void {
    const { session } = this;
    const end = performance.now() + 10_000;
    const until = this.total + count;
    if (refill)
      for (let queue = 0; queue < QUEUES; queue++)
        for (let slot = 0; slot < DEPTH; slot++)
          if (!this.#inFlight[queue * DEPTH + slot]) this.#send(queue, slot);
    session.queues.forEach((queue) => void queue.publish());
    while (this.total < until && this.busy > 0) {
      for (const { queue, index } of session.queues)
        for (let slot = queue.collect(); slot >= 0; slot = queue.collect()) {
          this.#take(index, slot);
          if (refill && this.total < until) this.#send(index, slot);
        }
      session.queues.forEach((queue) => void queue.publish());
      if (this.total >= until || this.busy === 0) return;
      assert.ok(performance.now() < end, `${this.busy} requests are not answered`);
      const quiet = session.queues.every(({ queue }) => queue.armCall());
      if (quiet) session.frontEnd.waitForCalls(0, QUEUES, 1_000);
    }
  }

  /** Nothing is in flight: every block has the number that was answered last. */
  check(image: string): void {
    assert.equal(this.busy, 0);
    const bytes = readFileSync(image);
    for (const [place, number] of this.answered.entries())
      assert.equal(bytes.readUInt32LE(place * BLOCK), number, `block ${place}`);
  }

  #send(queue: number, slot: number): void {
    const place = queue * DEPTH + slot;
    const number = this.sent[place]! + 1;
    this.sent[place] = number;
    this.session.prepareWrite(queue, slot, place * BLOCK, BLOCK);
    const data = this.session.data(queue, slot, BLOCK);
    new DataView(data.buffer, data.byteOffset).setUint32(0, number, true);
    this.#inFlight[place] = true;
    this.session.queues[queue]!.queue.submit(slot);
  }

  #take(queue: number, slot: number): void {
    const place = queue * DEPTH + slot;
    assert.ok(this.#inFlight[place], `slot ${slot} of queue ${queue} is answered twice`);
    assert.equal(this.session.status(queue, slot), 0);
    this.#inFlight[place] = false;
    this.answered[place] = this.sent[place]!;
    this.total++;
  }
}

interface Place extends Disposable {
  readonly path: string;
  readonly image: string;
}

function place(size = MIB): Place {
  const folder = testFolder();
  const image = join(folder.path, 'disk.raw');
  writeFileSync(image, new Uint8Array(size));
  return { path: folder.path, image, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

for (const [what, packed, options] of [
  ['split queues, in the page cache', false, []],
  ['packed queues, past the page cache', true, ['--direct']],
] as const)
  describe(`killed under requests: ${what}`, () => {
    it('loses and repeats nothing', async () => {
      using folder = place();
      const socket = join(folder.path, 'blk.sock');
      const serve = () => launchBlk(['--path', folder.image, '--queues', '2', ...options], { socket });
      using session = new BlkSession({
        queues: QUEUES,
        depth: DEPTH,
        maxData: BLOCK,
        inflight: true,
        packed,
      });
      const writer = new Writer(session);
      let process: BlkProcess | undefined;
      try {
        for (let life = 0; life < 3; life++) {
          process = await serve();
          if (life === 0) session.connect(socket);
          else session.frontEnd.reconnect(connectUnix(socket));
          writer.go(300 + life * 77, { refill: true });
          // All slots are in flight, and some of them have been written by now
          writer.go(0, { refill: true });
          assert.equal(writer.busy, QUEUES * DEPTH);
          process.process.kill('SIGKILL');
          await process.process.exited;
        }
        process = await serve();
        session.frontEnd.reconnect(connectUnix(socket));
        writer.go(Infinity, { refill: false });
        writer.check(folder.image);
        // Nothing that was answered comes again later
        writer.go(500, { refill: true });
        writer.go(Infinity, { refill: false });
        writer.check(folder.image);
      } finally {
        await process?.[Symbol.asyncDispose]();
      }
    });

    it('leaves requests to the next process when its rings stop', async () => {
      using folder = place();
      const options2 = ['--path', folder.image, '--queues', '2', ...options];
      await using here = await launchBlk(options2);
      await using there = await launchBlk(options2);
      using session = new BlkSession({
        queues: QUEUES,
        depth: DEPTH,
        maxData: BLOCK,
        inflight: true,
        packed,
      });
      const writer = new Writer(session);
      session.connect(here.socket);
      for (const next of [there, here]) {
        writer.go(200, { refill: true });
        writer.go(0, { refill: true });
        session.stop();
        session.adopt(session.prepareBackEnd(next.socket));
        session.start();
      }
      writer.go(Infinity, { refill: false });
      writer.check(folder.image);
    });
  });

describe('the dirty log', () => {
  for (const options of [[], ['--direct']])
    it(`has every page that a read has put there ${options.join()}`, async () => {
      using folder = place();
      await using blk = await launchBlk(['--path', folder.image, ...options]);
      using session = new BlkSession();
      session.connect(blk.socket);
      session.frontEnd.startLogging();
      session.frontEnd.collectDirty();
      const { byteOffset } = session.read(0, 16 * BLOCK);
      const dirty = session.frontEnd.collectDirty();
      const first = (byteOffset - session.ram.bytes.byteOffset + session.ram.guestAddress) / 4096;
      for (let page = first; page < first + 16; page++)
        assert.ok((dirty[page >> 3]! >> (page & 7)) & 1, `page ${page - first} of the data`);
    });
});

describe('a disk and its size', () => {
  it('tells the driver of a resize, once, and not before it runs', async () => {
    using folder = place();
    await using blk = await launchBlk(['--path', folder.image]);
    using session = new BlkSession();
    session.connect(blk.socket);
    assert.equal(session.capacity, MIB);
    truncateSync(folder.image, 2 * MIB);
    assert.equal(await blk.resize(), 2 * MIB);
    session.identify();
    assert.equal(session.configChanges, 1);
    assert.equal(session.refreshConfig().capacity, (2 * MIB) / 512);
    session.write(2 * MIB - BLOCK, new Uint8Array(BLOCK).fill(3));
    assert.deepEqual(session.read(2 * MIB - BLOCK, BLOCK), new Uint8Array(BLOCK).fill(3));
    session.stop();
    truncateSync(folder.image, MIB / 2);
    assert.equal(await blk.resize(), MIB / 2);
    session.frontEnd.ping();
    assert.equal(session.configChanges, 1);
    session.start();
    session.identify();
    assert.equal(session.configChanges, 2);
    assert.equal(session.refreshConfig().capacity, MIB / 1024);
    assert.throws(() => session.read(MIB / 2, BLOCK), { code: 'ERR_BLK' });
  });
});

describe('the state of a disk', () => {
  it('in memory goes with the guest, there and back', async () => {
    const options = ['--memory', '8M', '--serial', 'moving'];
    await using here = await launchBlk(options);
    await using there = await launchBlk(options);
    using session = new BlkSession();
    session.connect(here.socket);
    const bytes = Uint8Array.from({ length: MIB }, (_, i) => i % 253);
    session.write(0, bytes);
    session.write(5 * MIB, bytes);
    for (const next of [there, here]) {
      session.stop();
      const state = saveState(session.frontEnd);
      assert.ok(state.length < 2.1 * MIB, `${state.length} bytes for 2 MiB of contents`);
      const frontEnd = session.prepareBackEnd(next.socket);
      frontEnd.loadState([state]);
      session.adopt(frontEnd);
      session.start();
      assert.deepEqual(session.read(5 * MIB, MIB), bytes);
      assert.deepEqual(session.read(MIB, MIB), new Uint8Array(MIB));
      assert.equal(session.identify(), 'moving');
    }
  });

  it('of another disk is refused by name', async () => {
    await using here = await launchBlk(['--memory', '8M']);
    await using there = await launchBlk(['--memory', '16M']);
    using session = new BlkSession();
    session.connect(here.socket);
    session.stop();
    const state = saveState(session.frontEnd);
    using frontEnd = session.prepareBackEnd(there.socket);
    assert.throws(() => frontEnd.loadState([state]));
    const { lastTransfer } = await there.status();
    assert.match(
      String(lastTransfer?.reason),
      /^ferry\.parameters: size is 8388608 at the source, this device takes 16777216$/,
    );
  });
});
