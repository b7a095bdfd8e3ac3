/** The state of a disk: what goes with a guest, what is refused, and what is not passed over in silence. */
import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { IncomingRecord, Section, Staged } from '../../src/device/index.ts';
import { BlkDevice } from '../../src/devices/blk/index.ts';
import { createPipe } from '../../src/sys/index.ts';
import { assertTurnsRed } from '../support/planted.ts';
import { BlkGuest, header, Type, testImage } from './blk-guest.ts';

const MIB = 2 ** 20;

interface Saved {
  readonly section: string;
  readonly payload: Uint8Array;
}

function save(guest: BlkGuest): Saved[] {
  const saved: Saved[] = [];
  guest.device.suspend();
  guest.device.save({
    records: 0,
    bytes: 0,
    write: (section: Section, ...parts: Uint8Array[]) =>
      void saved.push({ section: section.name, payload: new Uint8Array(Buffer.concat(parts)) }),
  });
  return saved;
}

function load(guest: BlkGuest, saved: readonly Saved[]): Staged {
  const left = [...saved];
  return guest.device.load({
    next: (): IncomingRecord | undefined => {
      const record = left.shift();
      return record === undefined ? undefined : { ...record, version: 1 };
    },
  });
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 251);
}

describe('a disk in memory', () => {
  it('takes its contents along, its write cache, and nothing that is zero', () => {
    using here = new BlkGuest({ memory: 8 * MIB });
    using there = new BlkGuest({ memory: 8 * MIB });
    here.write(0, pattern(3 * MIB, 1));
    here.write(5 * 2048 + 8, pattern(4096, 2));
    here.read(6 * 2048, MIB);
    here.device.config.writeback = false;
    const saved = save(here);
    const bytes = saved.reduce((sum, { payload }) => sum + payload.length, 0);
    assert.ok(bytes < 3 * MIB + 16384, `${bytes} bytes`);
    there.write(7 * 2048, pattern(4096, 9));
    using staged = load(there, saved);
    assert.deepEqual(there.read(7 * 2048, 4096), pattern(4096, 9), 'nothing has changed before the commit');
    staged.commit();
    assert.deepEqual(there.read(0, 3 * MIB), pattern(3 * MIB, 1));
    assert.deepEqual(there.read(5 * 2048 + 8, 4096), pattern(4096, 2));
    assert.deepEqual(there.read(7 * 2048, 4096), new Uint8Array(4096));
    assert.equal(there.device.config.writeback, false);
    assert.deepEqual(save(there), saved);
  });

  it('that was loaded and not committed leaves nothing behind', () => {
    using here = new BlkGuest({ memory: MIB });
    const saved = save(here);
    for (let i = 0; i < 20; i++) load(here, saved)[Symbol.dispose]();
    assert.deepEqual(here.read(0, 4096), new Uint8Array(4096));
  });

  it('refuses records that cannot be', () => {
    using here = new BlkGuest({ memory: MIB });
    here.write(0, pattern(8192, 1));
    const [disk, contents] = save(here);
    assert.ok(disk !== undefined && contents !== undefined);
    const changed = (record: Saved, at: number, value: number): Saved => {
      const payload = record.payload.slice();
      payload[at] = value;
      return { ...record, payload };
    };
    const cut = (record: Saved, length: number): Saved => ({
      ...record,
      payload: record.payload.slice(0, length),
    });
    const refused: readonly (readonly [string, readonly Saved[], RegExp])[] = [
      ['nothing', [], /disk: missing, the end comes first/],
      ['contents first', [contents, disk], /disk: missing, contents comes first/],
      ['a short disk', [cut(disk, 39)], /39 bytes, expected 40/],
      ['a long disk', [{ ...disk, payload: new Uint8Array(41) }], /41 bytes, expected 40/],
      ['a flag of 2', [changed(disk, 14, 2)], /writeback is 2, expected 0 or 1/],
      ['something reserved', [changed(disk, 15, 1)], /1 and 0 in reserved fields/],
      ['two disks', [disk, disk], /disk: expected contents or the end/],
      ['contents without data', [disk, cut(contents, 8)], /8 bytes, no data in them/],
      ['contents without a place', [disk, cut(contents, 3)], /3 bytes, no data in them/],
      ['contents behind the end', [disk, changed(contents, 2, 0x10)], /expected them from 0 to 1048576/],
      ['contents far behind', [disk, changed(contents, 7, 0xff)], /expected them from 0 to 1048576/],
      ['contents twice', [disk, contents, contents], /expected them from 8192 to 1048576/],
    ];
    for (const [what, records, message] of refused)
      assert.throws(() => load(here, records), { code: 'ERR_STATE_SECTION', message }, what);
    assert.deepEqual(here.read(0, 8192), pattern(8192, 1));
  });
});

describe('a disk that is another one is refused, saying in what', () => {
  for (const [what, options, message] of [
    ['its size', { memory: 2 * MIB }, /bytes 1048576, here 2097152/],
    ['its blocks', { memory: MIB, blockSize: 4096 }, /bytes in a block 512, here 4096/],
    ['its serial number', { memory: MIB, serial: 'b' }, /serial number "ferry", here "b"/],
    ['whether it can be written', { memory: MIB, readOnly: true }, /read-only no, here yes/],
  ] as const)
    it(what, () => {
      using here = new BlkGuest({ memory: MIB });
      using there = new BlkGuest(options);
      assert.throws(() => load(there, save(here)), { code: 'ERR_BLK_STATE', message });
    });

  it('where its contents are', () => {
    using image = testImage(MIB);
    using here = new BlkGuest({ memory: MIB });
    using there = new BlkGuest({ path: image.path });
    assert.throws(() => load(there, save(here)), {
      code: 'ERR_BLK_STATE',
      message: /contents in the state yes, here no/,
    });
  });
});

describe('a disk in a file', () => {
  it('leaves its contents where they are, which have grown meanwhile', () => {
    using image = testImage(MIB);
    using here = new BlkGuest({ path: image.path });
    using there = new BlkGuest({ path: image.path });
    truncateSync(image.path, 2 * MIB);
    here.device.resize();
    here.write(2048, pattern(MIB, 4));
    const saved = save(here);
    assert.deepEqual(
      saved.map(({ section }) => section),
      ['disk'],
    );
    using staged = load(there, saved);
    staged.commit();
    assert.deepEqual(there.read(2048, MIB), pattern(MIB, 4));
  });

  it('whose flush fails at the suspension tells the guest once, and whoever saves it until then', () => {
    // A pipe cannot be flushed
    const { read, write } = createPipe('storage that refuses');
    using _read = read;
    using guest = new BlkGuest(
      new BlkDevice(
        {
          name: 'file /refused',
          kind: 'file',
          size: MIB,
          measured: MIB,
          blockSize: 512,
          physicalBlockSize: 512,
          readOnly: false,
          image: { file: write, isBlockDevice: false },
          read: (_into, _offset, length) => length,
          write: (_from, _offset, length) => length,
          clear: () => true,
          [Symbol.dispose]: () => write[Symbol.dispose](),
        },
        { queues: 1, queueSize: 128, serial: '', discard: true, cache: 'writeback', lanes: 1 },
      ),
    );
    guest.device.suspend();
    assert.deepEqual(guest.lines, [], 'nothing was written');
    guest.write(0, pattern(512, 1));
    assert.throws(() => save(guest), { code: 'ERR_BLK_STATE', message: /could not be flushed/ });
    assert.match(guest.lines.join(), /file \/refused could not be flushed: EINVAL/);
    const { status } = guest.ask(header(Type.flush), 1);
    assert.equal(status, 1, 'the guest is told, though no flush of its own has failed');
    assert.equal(save(guest).length, 1);
  });
});

describe('planted faults', () => {
  it('a state that is not compared with the disk is caught', () =>
    assertTurnsRed(
      new URL(import.meta.url),
      { file: 'src/devices/blk/state/load.ts', find: 'if (theirs !== ours)', replace: 'if (false)' },
      /its serial number/,
    ));
});
