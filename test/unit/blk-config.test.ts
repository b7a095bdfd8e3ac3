/** What a disk offers: its configuration space, its features, and which options and images it takes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { blkOptions, createBlkDevice } from '../../src/devices/blk/index.ts';
import { BlkGuest, header, Type, testImage } from './blk-guest.ts';

const MIB = 2 ** 20;

describe('the configuration space', () => {
  it('says what the disk is', () => {
    using guest = new BlkGuest({ memory: 4 * MIB, queues: 3, blockSize: 1024, physicalBlockSize: 8192 });
    const bytes = guest.device.config.read(0, 60);
    const view = new DataView(bytes.buffer);
    const u16 = (at: number) => view.getUint16(at, true);
    const u32 = (at: number) => view.getUint32(at, true);
    assert.equal(bytes.length, 60);
    assert.equal(view.getBigUint64(0, true), 8192n);
    // segments, block size; topology: exponent, alignment, smallest and best transfer; write cache, queues
    assert.deepEqual([u32(8), u32(12), u32(20)], [0, 126, 1024]);
    assert.deepEqual([bytes[24], bytes[25], u16(26), u32(28)], [3, 0, 8, 0]);
    assert.deepEqual([bytes[32], u16(34)], [1, 3]);
    // discard and write-zeroes: sectors, ranges, alignment; sectors, ranges, may unmap
    assert.deepEqual([u32(36), u32(40), u32(44)], [2 ** 21, 32, 8]);
    assert.deepEqual([u32(48), u32(52), bytes[56]], [2 ** 21, 32, 1]);
  });

  it('is there for any offset and size that a front end may ask for', () => {
    using guest = new BlkGuest({ memory: MIB });
    const { config } = guest.device;
    const whole = config.read(0, 256);
    for (let offset = 0; offset < 256; offset += 7)
      for (const size of [1, 57, 60, 256 - offset])
        assert.deepEqual(config.read(offset, size), whole.slice(offset, offset + size));
    assert.equal(config.read(200, 100).length, 56, 'and not behind its end');
  });

  it('lets the driver have a write cache or not, until a new driver comes', () => {
    using guest = new BlkGuest({ memory: MIB });
    const { device } = guest;
    device.config.write(32, Uint8Array.of(0));
    assert.equal(device.config.writeback, false);
    device.reset();
    assert.equal(device.config.writeback, true);
    for (const [offset, bytes] of [
      [32, [2]],
      [32, [1, 0]],
      [0, [1]],
      [33, [1]],
      [32, []],
    ] as const)
      assert.throws(() => device.config.write(offset, Uint8Array.from(bytes)), { code: 'ERR_BLK_CONFIG' });
  });
});

describe('the features', () => {
  const BASE = (1n << 2n) | (1n << 6n) | (1n << 9n) | (1n << 10n) | (1n << 11n);
  const CLEAR = (1n << 13n) | (1n << 14n);
  for (const [options, expected] of [
    [{}, BASE | CLEAR],
    [{ queues: 2 }, BASE | CLEAR | (1n << 12n)],
    [{ discard: false }, BASE],
    [{ readOnly: true }, BASE | (1n << 5n)],
  ] as const)
    it(`with ${JSON.stringify(options)}`, () => {
      using guest = new BlkGuest({ memory: MIB, ...options });
      assert.equal(guest.device.features, expected);
    });
});

describe('options that cannot be are refused by name', () => {
  for (const [options, words] of [
    [undefined, /Option list is undefined, expected an object/],
    [{}, /Exactly one of the options path and memory/],
    [{ memory: MIB, path: '/x' }, /Exactly one of the options path and memory/],
    [{ memory: 100 }, /Option memory is 100, expected a number of bytes, a multiple of 4096/],
    [{ path: '' }, /Option path is "", expected a path/],
    [{ memory: MIB, queues: 0 }, /Option queues is 0, expected a number from 1 to 64/],
    [{ memory: MIB, queues: 65 }, /Option queues is 65/],
    [{ memory: MIB, queueSize: 100 }, /Option queueSize is 100, expected a power of two/],
    [{ memory: MIB, serial: 'x'.repeat(21) }, /Option serial/],
    [{ memory: MIB, serial: 'ä' }, /Option serial/],
    [{ memory: MIB, blockSize: 8192 }, /Option blockSize is 8192/],
    [{ memory: MIB, blockSize: 4096, physicalBlockSize: 512 }, /Option physicalBlockSize is 512/],
    [{ memory: MIB, direct: true }, /Option direct is true, expected false for a disk in memory/],
    [{ memory: MIB, direct: 'yes' }, /Option direct is "yes"/],
    [{ memory: MIB, cache: 'none' }, /Option cache is "none", expected "writeback" or "writethrough"/],
    [{ memory: MIB, lanes: 0 }, /Option lanes is 0, expected a number from 1 to 64/],
  ] as const)
    it(JSON.stringify(options) ?? 'nothing', () => {
      assert.throws(() => blkOptions(options), { code: 'ERR_BLK_OPTIONS', message: words });
    });
});

describe('images', () => {
  const refused = (options: object, message: RegExp) =>
    assert.throws(() => createBlkDevice(options), { code: 'ERR_BLK_IMAGE', message });

  it('that are not there, or no images, are refused', () => {
    using image = testImage(100);
    refused({ path: '/nowhere/disk' }, /cannot be opened for reading and writing: ENOENT/);
    refused({ path: '/tmp', readOnly: true }, /is neither a file nor a block device/);
    refused({ path: '/dev/null' }, /is neither a file nor a block device/);
    refused({ path: image.path }, /has less than one block of 512 bytes/);
  });

  it('are used up to their last whole block', () => {
    using image = testImage(5000);
    using guest = new BlkGuest({ path: image.path });
    assert.equal(guest.device.backing.size, 9 * 512);
    using coarse = new BlkGuest({ path: image.path, blockSize: 4096 });
    assert.equal(coarse.device.backing.size, 4096);
    assert.equal(coarse.ask(header(Type.in, 8), 4097).status, 1);
  });

  it('may be block devices', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-blk-'));
    const file = join(folder, 'under');
    writeFileSync(file, new Uint8Array(8 * MIB));
    const made = spawnSync('losetup', ['--find', '--show', '--sector-size', '4096', file], {
      encoding: 'utf8',
    });
    try {
      // Where loop devices cannot be made, none can be served
      if (made.status !== 0) {
        t.diagnostic(`no block device here: ${made.stderr || made.error?.message}`);
        refused({ path: '/dev/full' }, /is neither/);
        return;
      }
      const path = made.stdout.trim();
      for (const direct of [false, true]) {
        using guest = new BlkGuest({ path, direct });
        const { backing } = guest.device;
        assert.deepEqual([backing.kind, backing.size, backing.blockSize], ['block device', 8 * MIB, 4096]);
        const bytes = new Uint8Array(65536).fill(7);
        guest.write(0, bytes);
        assert.deepEqual(guest.read(0, 65536), bytes);
        const zeroes = new Uint8Array(32);
        zeroes.set(header(Type.writeZeroes));
        new DataView(zeroes.buffer).setUint32(24, 8, true);
        for (const flags of [0, 1]) {
          new DataView(zeroes.buffer).setUint32(28, flags, true);
          assert.equal(guest.ask(zeroes, 1).status, 0);
          assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
        }
        const discard = Buffer.concat([header(Type.discard), zeroes.subarray(16)]);
        discard[28] = 0;
        assert.equal(guest.ask(discard, 1).status, 0);
        assert.equal(guest.ask(header(Type.flush), 1).status, 0);
        assert.equal(guest.device.resize(), 8 * MIB);
      }
      refused({ path, blockSize: 512 }, /in blocks of 4096 bytes, blocks of 512 cannot be offered/);
    } finally {
      if (made.status === 0) spawnSync('losetup', ['--detach', made.stdout.trim()]);
      rmSync(folder, { recursive: true });
    }
  });
});
