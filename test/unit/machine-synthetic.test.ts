import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBlkDevice } from '../../src/devices/blk/index.ts';
import { createFsDevice } from '../../src/devices/fs/index.ts';
import { differingPieces, type MachinePlan, SyntheticMachine } from '../../src/machine/index.ts';
import { Control } from '../../src/machine/synthetic/control.ts';
import { DiskDriver, driverMemory } from '../../src/machine/synthetic/disk-driver.ts';
import { HostedDisk } from '../../src/machine/synthetic/hosted-disk.ts';
import { MarkedMemory } from '../../src/machine/synthetic/marked-memory.ts';
import { kindOf, PAGE_WORDS, PageKind, readPage, writePage } from '../../src/machine/synthetic/page.ts';
import { MachineRam } from '../../src/machine/synthetic/ram.ts';
import { PageBitmap } from '../../src/memory/index.ts';
import { PAGE_SIZE, viewMemory } from '../../src/sys/index.ts';
import { assertTurnsRed } from '../support/planted.ts';

const MIB = 2 ** 20;
const BLK = new URL('../../src/devices/blk/index.ts', import.meta.url).href;

function plan(changes: Partial<MachinePlan> = {}): MachinePlan {
  return { uuid: new Uint8Array(16), ram: 4 * MIB, dirtyRate: 1024 * MIB, disks: [], ...changes };
}

function disk(size = MIB, rate = 64 * MIB) {
  return { module: BLK, factory: 'createBlkDevice', options: { memory: size }, size, rate };
}

/** All memory of a machine, block after block. */
function* memoryOf(machine: SyntheticMachine): Generator<{ firstPage: number; bytes: Uint8Array }> {
  for (const { address, length, firstPage } of machine.ram.blocks)
    yield { firstPage, bytes: viewMemory(address, length) };
}

test('a page says what it is, and any change to it is noticed', () => {
  const words = new Uint32Array(3 * PAGE_WORDS).fill(7);
  fc.assert(
    fc.property(
      fc.nat(0xffffff),
      fc.integer({ min: 1, max: 0xffffffff }),
      fc.nat(PAGE_WORDS - 1),
      fc.nat(31),
      (page, version, word, bit) => {
        writePage(words, PAGE_WORDS, page, version);
        const kind = kindOf(page);
        const zero = kind === PageKind.zero || (kind === PageKind.fickle && version % 2 === 0);
        assert.equal(readPage(words, PAGE_WORDS, page), zero ? 0 : version);
        if (!zero) assert.equal(readPage(words, PAGE_WORDS, page + 1), -1);
        words[PAGE_WORDS + word]! ^= 1 << bit;
        assert.equal(readPage(words, PAGE_WORDS, page), -1);
      },
    ),
  );
  assert.ok(
    words.subarray(0, PAGE_WORDS).every((one) => one === 7),
    'the page before is untouched',
  );
  assert.ok(
    words.subarray(2 * PAGE_WORDS).every((one) => one === 7),
    'the page behind is untouched',
  );
});

test('all kinds of pages are there, and text compresses while noise does not', async () => {
  const { zstdCompressSync } = await import('node:zlib');
  const counts = [0, 0, 0, 0];
  for (let page = 0; page < 4096; page++) counts[kindOf(page)]!++;
  for (const count of counts) assert.ok(count > 256, `${counts}`);
  const ratio = (kind: number) => {
    const words = new Uint32Array(64 * PAGE_WORDS);
    for (let page = 0; page < 64; page++) writePage(words, page * PAGE_WORDS, page, 1, kind);
    return zstdCompressSync(words).length / words.byteLength;
  };
  assert.ok(ratio(PageKind.text) < 0.25);
  assert.ok(ratio(PageKind.noise) > 0.95);
});

test('collected marks never miss a write, whatever the guest does meanwhile', async () => {
  await using machine = await SyntheticMachine.create(plan({ disks: [disk()] }));
  await machine.fill();
  await machine.wake();
  const { marks } = machine.ram;
  const taken = new PageBitmap(marks.pages);
  const copies = [...memoryOf(machine)].map(({ firstPage, bytes }) => ({
    firstPage,
    bytes,
    copy: new Uint8Array(bytes.length),
  }));
  const collect = () => {
    marks.moveTo(taken);
    for (const { firstPage, bytes, copy } of copies)
      for (let page = 0; page < bytes.length / PAGE_SIZE; page++)
        if (taken.take(firstPage + page)) {
          const at = page * PAGE_SIZE;
          copy.set(bytes.subarray(at, at + PAGE_SIZE), at);
        }
  };
  machine.work();
  const { promise, resolve } = Promise.withResolvers<void>();
  const round = () => {
    collect();
    if (machine.pagesWritten > 40_000 && machine.requestsDone > 50) resolve();
    else setImmediate(round);
  };
  round();
  await promise;
  await machine.pause();
  collect();
  for (const { bytes, copy } of copies) assert.equal(Buffer.compare(bytes, copy), 0);
  const { memory, disks } = await machine.look();
  assert.deepEqual([memory.wrong, memory.addsUp, disks[0]!.wrong], [0, true, 0]);
});

test('a page that is marked before it is written is missed', async () => {
  await assertTurnsRed(
    new URL(import.meta.url),
    {
      file: 'src/machine/synthetic/ram-workload.ts',
      find: '    writePage(words, at, page, this.#sequence);\n    this.#memory.mark(page);\n',
      // Now and then the time between the two is long enough for a collection
      replace:
        '    this.#memory.mark(page);\n    if (this.#sequence % 64 === 0) this.#control.sleep(1);\n' +
        '    writePage(words, at, page, this.#sequence);\n',
    },
    /collected marks never miss a write/,
  );
});

test('after a pause nothing is written, and the guest goes on from where it was', async () => {
  await using machine = await SyntheticMachine.create(plan({ disks: [disk(), disk(2 * MIB)] }));
  await assert.rejects(machine.wake(), { code: 'ERR_MACHINE_MEMORY' });
  await machine.fill();
  await machine.wake();
  let before = 0;
  for (let round = 0; round < 3; round++) {
    machine.work();
    while (machine.pagesWritten - before < 1000) await new Promise(setImmediate);
    await machine.pause();
    before = machine.pagesWritten;
    const first = await machine.memoryDigests();
    const again = await machine.memoryDigests();
    for (const [name, digests] of first) assert.deepEqual(differingPieces(digests, again.get(name)!), []);
    const { memory, disks } = await machine.look();
    assert.deepEqual([memory.wrong, memory.addsUp, ...disks.map(({ wrong }) => wrong)], [0, true, 0, 0]);
    assert.equal(memory.written, 1023 + before);
    await machine.wake();
  }
});

test('a page that changed, one that is old, and a piece that differs are found', async () => {
  await using machine = await SyntheticMachine.create(plan({ dirtyRate: 256 * MIB }));
  await machine.fill();
  const { bytes } = [...memoryOf(machine)][0]!;
  const old = bytes.slice();
  const before = await machine.memoryDigests();
  await machine.wake();
  machine.work();
  while (machine.pagesWritten < 2000) await new Promise(setImmediate);
  await machine.pause();
  assert.deepEqual(await machine.look().then(({ memory }) => [memory.wrong, memory.addsUp]), [0, true]);
  let page = 1;
  const pageOf = (from: Uint8Array) => from.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  while (kindOf(page) !== PageKind.noise || Buffer.compare(pageOf(old), pageOf(bytes)) === 0) page++;
  const right = pageOf(bytes).slice();
  pageOf(bytes).set(pageOf(old));
  assert.deepEqual(await machine.look().then(({ memory }) => [memory.wrong, memory.addsUp]), [0, false]);
  pageOf(bytes)[100]! ^= 1;
  const { memory } = await machine.look();
  assert.deepEqual([memory.wrong, memory.firstWrong], [1, page]);
  pageOf(bytes).set(right);
  assert.ok((await machine.look()).memory.addsUp);
  const differing = differingPieces(before.get('ram')!, (await machine.memoryDigests()).get('ram')!);
  assert.ok(differing.includes(0), `${differing}`);
});

/** A disk on this thread, with its driver in a block of RAM of its own. */
class Rig implements Disposable {
  readonly ram: MachineRam;
  readonly hosted: HostedDisk;

  constructor(size: number) {
    this.ram = new MachineRam({ drivers: driverMemory(size) });
    const { address, length, firstPage } = this.ram.block('drivers');
    const { shared: marks, pages: markedPages } = this.ram.marks;
    const memory = new MarkedMemory({ address, length, firstPage, marks, markedPages });
    const device = createBlkDevice({ memory: size });
    this.hosted = new HostedDisk(device, new DiskDriver(device, 0, size, memory), 0, new Control(), 1);
  }

  get bytes(): Uint8Array {
    const { address, length } = this.ram.block('drivers');
    return viewMemory(address, length);
  }

  [Symbol.dispose](): void {
    this.hosted[Symbol.dispose]();
    this.ram[Symbol.dispose]();
  }
}

test("a disk's contents go with its state, and what its driver knows with the memory", () => {
  using source = new Rig(MIB);
  using destination = new Rig(MIB);
  source.hosted.fill();
  assert.deepEqual(source.hosted.look(), { blocks: 16, wrong: 0 });
  const pieces: Uint8Array[] = [];
  const saved = source.hosted.save({ write: (bytes) => void pieces.push(bytes.slice()) });
  const state = Buffer.concat(pieces);
  let at = 0;
  const loaded = destination.hosted.load({
    read: (into) => {
      const count = Math.min(into.length, state.length - at);
      into.set(state.subarray(at, at + count));
      at += count;
      return count;
    },
  });
  assert.equal(loaded.records, saved.records);
  assert.equal(loaded.bytes, state.length);
  destination.bytes.set(source.bytes);
  assert.deepEqual(destination.hosted.look(), { blocks: 16, wrong: 16, firstWrong: 0 }, 'before it wakes');
  destination.hosted.resume();
  assert.deepEqual(destination.hosted.look(), { blocks: 16, wrong: 0 });
  assert.deepEqual(differingPieces(source.hosted.digests(), destination.hosted.digests()), []);
});

test('devices that this machine cannot drive are refused by name', async () => {
  using ram = new MachineRam({ drivers: driverMemory(MIB) });
  const { address, length, firstPage } = ram.block('drivers');
  const { shared: marks, pages: markedPages } = ram.marks;
  const memory = new MarkedMemory({ address, length, firstPage, marks, markedPages });
  using fs = createFsDevice({ memory: MIB });
  assert.throws(() => new DiskDriver(fs, 0, MIB, memory), {
    code: 'ERR_MACHINE_DEVICE',
    message: /virtio id 26/,
  });
  using small = createBlkDevice({ memory: MIB });
  assert.throws(() => new DiskDriver(small, 0, 2 * MIB, memory), {
    code: 'ERR_MACHINE_DEVICE',
    message: /has 1048576 bytes/,
  });
  await assert.rejects(SyntheticMachine.create(plan({ disks: [disk(), { ...disk(), factory: 'none' }] })), {
    code: 'ERR_MACHINE_DEVICE',
    message: /exports no function none/,
  });
});
