/** What the driver may ask for and what it may not, on every backing: virtio 1.2, section 5.2.6. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { assertTurnsRed } from '../support/planted.ts';
import { type Answer, BlkGuest, header, ranges, Type, testImage } from './blk-guest.ts';

const SIZE = 4 * 2 ** 20;
const SECTORS = SIZE / 512;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 251);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A guest of a disk of 4 MiB, by the backing's name. */
function guestOf(backing: string, options: Record<string, unknown> = {}): BlkGuest & Disposable {
  if (backing === 'memory') return new BlkGuest({ memory: SIZE, ...options });
  using resources = new DisposableStack();
  const image = resources.use(testImage(SIZE, backing === 'tmpfs' ? '/dev/shm' : undefined));
  const further = { direct: { direct: true }, writethrough: { cache: 'writethrough' } }[backing];
  const guest = resources.use(new BlkGuest({ path: image.path, ...further, ...options }));
  const owned = resources.move();
  return Object.assign(guest, { [Symbol.dispose]: () => owned.dispose() });
}

for (const backing of ['memory', 'file', 'tmpfs', 'direct', 'writethrough'])
  describe(`a disk: ${backing}`, () => {
    let guest: BlkGuest;
    before(() => {
      guest = guestOf(backing, { serial: 'twenty-characters-ab' });
    });
    beforeEach(() => {
      guest.ask(joined(header(Type.writeZeroes), ranges([0, SECTORS])), 1);
    });
    after(() => guest[Symbol.dispose]());

    it('gives back what was written', () => {
      const bytes = pattern(64 * 1024, 3);
      guest.write(8, bytes);
      assert.deepEqual(guest.read(8, bytes.length), bytes);
      assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
      // The last sectors of the disk
      guest.write(SECTORS - 8, bytes.subarray(0, 4096));
      assert.deepEqual(guest.read(SECTORS - 8, 4096), bytes.subarray(0, 4096));
    });

    it('moves more in one request than a lane does in one call', () => {
      const bytes = pattern(3 * 2 ** 20, 9);
      guest.write(8, bytes);
      assert.deepEqual(guest.read(8, bytes.length), bytes);
    });

    it('makes nothing of how a request is cut into descriptors', () => {
      const bytes = pattern(8192, 1);
      const cuts = [1, 2, 3, 4, 5, 2, 100, 511, 4096];
      const { status, used } = guest.ask(joined(header(Type.out, 16), bytes), 1, { cuts });
      assert.deepEqual([status, used], [OK, 1]);
      const answer = guest.ask(header(Type.in, 16), 8193, {
        cuts: Array(16).fill(1),
        roomCuts: [1, 510, 7, 4096, 3578],
      });
      assert.deepEqual([answer.status, answer.used], [OK, 8193]);
      assert.deepEqual(answer.data, bytes);
    });

    it('flushes, and says who it is', () => {
      assert.equal(guest.ask(header(Type.flush), 1).status, OK);
      const { status, used, data } = guest.ask(header(Type.getId), 21);
      assert.deepEqual([status, used, Buffer.from(data).toString()], [OK, 21, 'twenty-characters-ab']);
      const short = guest.ask(header(Type.getId), 6);
      assert.deepEqual([short.status, short.used, Buffer.from(short.data).toString()], [OK, 6, 'twent']);
      // No more is told than is there
      const long = guest.ask(header(Type.getId), 41);
      assert.deepEqual([long.status, long.used], [OK, 20]);
    });

    it('clears ranges', () => {
      guest.write(0, pattern(65536, 5));
      const zeroes = (answer: Answer) => assert.deepEqual([answer.status, answer.used], [OK, 1]);
      zeroes(guest.ask(joined(header(Type.writeZeroes), ranges([8, 8], [32, 16])), 1));
      assert.deepEqual(guest.read(8, 4096), new Uint8Array(4096));
      assert.deepEqual(guest.read(32, 8192), new Uint8Array(8192));
      assert.deepEqual(guest.read(16, 4096), pattern(65536, 5).subarray(8192, 12288));
      zeroes(guest.ask(joined(header(Type.writeZeroes), ranges([0, 24, 1])), 1));
      assert.deepEqual(guest.read(0, 24 * 512), new Uint8Array(24 * 512));
      zeroes(guest.ask(joined(header(Type.discard), ranges([48, 16], [96, 16])), 1));
      assert.deepEqual(guest.read(48, 8192), new Uint8Array(8192));
      assert.deepEqual(guest.read(64, 4096), pattern(65536, 5).subarray(32768, 36864));
      // Nothing is a range, too
      zeroes(guest.ask(joined(header(Type.writeZeroes), ranges([64, 0])), 1));
      assert.deepEqual(guest.read(64, 4096), pattern(65536, 5).subarray(32768, 36864));
    });

    it('refuses what is not on the disk, and does nothing then', () => {
      guest.write(0, pattern(4096, 5));
      const refused: readonly (readonly [string, Uint8Array, number, number])[] = [
        ['a read behind the end', header(Type.in, SECTORS), 513, IOERR],
        ['a read across the end', header(Type.in, SECTORS - 8), 8193, IOERR],
        ['a read far behind', header(Type.in, 2n ** 63n), 4097, IOERR],
        ['a read whose end wraps', header(Type.in, 2n ** 64n - 8n), 8193, IOERR],
        ['a read of half a sector', header(Type.in, 0), 257, IOERR],
        ['a write across the end', joined(header(Type.out, SECTORS - 8), new Uint8Array(8192)), 1, IOERR],
        ['a write of half a sector', joined(header(Type.out, 0), new Uint8Array(256)), 1, IOERR],
        ['a short header', header(Type.in).subarray(0, 15), 513, IOERR],
        ['no header', new Uint8Array(0), 513, IOERR],
        ['a type that nobody knows', header(77), 513, UNSUPP],
        ['a SCSI command', header(2), 513, UNSUPP],
        ['a secure erase', joined(header(14), ranges([0, 8])), 1, UNSUPP],
        ['a report of zones', header(16), 4097, UNSUPP],
        ['a discard without a range', header(Type.discard), 1, IOERR],
        ['a discard with half a range', joined(header(Type.discard), new Uint8Array(8)), 1, IOERR],
        [
          'a discard across the end',
          joined(header(Type.discard), ranges([0, 8], [SECTORS - 8, 16])),
          1,
          IOERR,
        ],
        ['a discard that may unmap', joined(header(Type.discard), ranges([0, 8, 1])), 1, UNSUPP],
        [
          'zeroes with a strange flag',
          joined(header(Type.writeZeroes), ranges([0, 8], [8, 8, 2])),
          1,
          UNSUPP,
        ],
        ['zeroes far behind', joined(header(Type.writeZeroes), ranges([2 ** 52, 8])), 1, IOERR],
        [
          'zeroes in too many ranges',
          joined(header(Type.writeZeroes), ranges(...Array.from({ length: 33 }, () => [0, 8] as const))),
          1,
          IOERR,
        ],
        [
          'more zeroes than are allowed in one range',
          joined(header(Type.writeZeroes), ranges([0, 2 ** 21 + 8])),
          1,
          IOERR,
        ],
      ];
      for (const [what, bytes, room, expected] of refused) {
        const { status, used, data } = guest.ask(bytes, room);
        assert.equal(status, expected, what);
        assert.equal(used, room === 1 ? 1 : 0, `${what}: told of ${used} bytes`);
        assert.ok(
          data.every((byte) => byte === 0xee),
          `${what}: something was written`,
        );
      }
      assert.deepEqual(guest.read(0, 4096), pattern(4096, 5));
    });

    it('does nothing for a request that has no room for its answer', () => {
      const sent = guest.send(joined(header(Type.out), pattern(4096, 2)), 0);
      assert.equal(sent.answers, 1);
      assert.equal(sent.writable.written, 0);
      assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
    });

    it('takes no writes where it is read-only', () => {
      using guest = guestOf(backing, { readOnly: true });
      for (const bytes of [
        joined(header(Type.out), pattern(4096, 2)),
        joined(header(Type.discard), ranges([0, 8])),
        joined(header(Type.writeZeroes), ranges([0, 8])),
      ])
        assert.equal(guest.ask(bytes, 1).status, IOERR);
      assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
      assert.equal(guest.ask(header(Type.flush), 1).status, OK);
    });

    it('knows neither discard nor write-zeroes where they are off', () => {
      using guest = guestOf(backing, { discard: false });
      assert.equal(guest.ask(joined(header(Type.discard), ranges([0, 8])), 1).status, UNSUPP);
      assert.equal(guest.ask(joined(header(Type.writeZeroes), ranges([0, 8])), 1).status, UNSUPP);
    });

    it('takes whole blocks only', () => {
      using guest = guestOf(backing, { blockSize: 4096 });
      guest.write(8, pattern(4096, 2));
      assert.deepEqual(guest.read(8, 4096), pattern(4096, 2));
      for (const [sector, length] of [
        [1, 4096],
        [8, 512],
        [4, 8192],
      ] as const) {
        assert.equal(guest.ask(header(Type.in, sector), length + 1).status, IOERR);
        assert.equal(guest.ask(joined(header(Type.out, sector), new Uint8Array(length)), 1).status, IOERR);
      }
    });
  });

describe('a disk in a file', () => {
  it('gives space back', () => {
    using image = testImage(SIZE);
    using guest = new BlkGuest({ path: image.path });
    guest.write(0, pattern(2 ** 20, 1));
    assert.equal(guest.ask(header(Type.flush), 1).status, OK);
    const before = statSync(image.path).blocks;
    guest.ask(joined(header(Type.discard), ranges([0, 2048])), 1);
    assert.ok(statSync(image.path).blocks <= before - 2048, 'discard');
    guest.write(0, pattern(2 ** 20, 1));
    guest.ask(joined(header(Type.writeZeroes), ranges([0, 2048, 1])), 1);
    assert.ok(statSync(image.path).blocks <= before - 2048, 'zeroes that may unmap');
    guest.ask(joined(header(Type.writeZeroes), ranges([0, 2048])), 1);
    assert.ok(statSync(image.path).blocks >= before - 8, 'zeroes that may not');
    assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
  });

  it('tells of a read that the file has become too short for, and says so', () => {
    using image = testImage(SIZE);
    using guest = new BlkGuest({ path: image.path });
    truncateSync(image.path, SIZE / 2);
    const across = guest.ask(header(Type.in, SECTORS / 2 - 8), 8193);
    assert.deepEqual([across.status, across.used], [IOERR, 0]);
    assert.equal(guest.ask(header(Type.in, SECTORS - 8), 4097).status, IOERR);
    assert.match(guest.lines.join('\n'), /failed with EIO/);
    assert.deepEqual(guest.read(0, 4096), new Uint8Array(4096));
  });

  it('keeps many requests under way at one time', () => {
    using image = testImage(SIZE);
    using guest = new BlkGuest({ path: image.path, direct: true, lanes: 2 });
    const sent = Array.from({ length: 200 }, (_, i) =>
      guest.send(joined(header(Type.out, i * 8), pattern(4096, i)), 1),
    );
    for (const one of sent) assert.deepEqual(guest.answer(one).status, OK);
    for (let i = 0; i < 200; i += 33) assert.deepEqual(guest.read(i * 8, 4096), pattern(4096, i));
    assert.deepEqual(
      new Uint8Array(readFileSync(image.path).subarray(33 * 4096, 34 * 4096)),
      pattern(4096, 33),
    );
  });

  it('is measured again, and the driver is told once', () => {
    using image = testImage(SIZE);
    using guest = new BlkGuest({ path: image.path });
    assert.equal(guest.device.resize(), SIZE);
    assert.equal(guest.configChanges, 0);
    truncateSync(image.path, SIZE * 2 + 100);
    assert.equal(guest.device.resize(), SIZE * 2);
    assert.equal(guest.configChanges, 1);
    assert.equal(capacity(guest), (SIZE * 2) / 512);
    guest.write(SECTORS * 2 - 8, pattern(4096, 4));
    truncateSync(image.path, SIZE / 2);
    assert.equal(guest.device.resize(), SIZE / 2);
    assert.equal(capacity(guest), SIZE / 1024);
    assert.equal(guest.ask(header(Type.in, SECTORS / 2), 513).status, IOERR);
  });
});

function capacity(guest: BlkGuest): number {
  const bytes = guest.device.config.read(0, 8);
  return Number(new DataView(bytes.buffer).getBigUint64(0, true));
}

describe('planted faults', () => {
  const self = new URL(import.meta.url);

  it('a disk that does not look where a request ends is caught', () =>
    assertTurnsRed(
      self,
      {
        file: 'src/devices/blk/device.ts',
        find: ' && offset + length <= size;',
        replace: ';',
      },
      /a disk: file/,
    ));

  it('a status that counts as if all before it were written is caught', () =>
    assertTurnsRed(
      self,
      {
        file: 'src/virtio/chain.ts',
        find: 'if (this.#written >= segments.total - 1) this.#written = segments.total;',
        replace: 'this.#written = segments.total;',
      },
      /a disk: memory/,
    ));
});
