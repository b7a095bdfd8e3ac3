/** Compressed streams on mapped memory, and zstd frames. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { deflateSync, zstdCompressSync } from 'node:zlib';
import { pageMethod } from '../../../src/engine/methods/index.ts';
import {
  type Compressor,
  type Decompressor,
  liveResources,
  type Mapping,
  mapAnonymous,
  ZstdDecompressor,
  ZstdFrames,
} from '../../../src/sys/index.ts';
import { loadLibrary } from '../../../src/sys/library.ts';

const ROOM = 2 ** 20;

let held: string[];
let memory: Mapping;
beforeEach(() => {
  held = liveResources();
  memory = mapAnonymous(3 * ROOM, 'memory');
});
afterEach(() => {
  memory[Symbol.dispose]();
  assert.deepEqual(liveResources(), held);
});

/** Where what is compressed, what it becomes, and what that becomes lie. */
const PLAIN = 0;
const PACKED = ROOM;
const UNPACKED = 2 * ROOM;

function pack(compressor: Compressor, plain: Uint8Array, room = ROOM): Buffer {
  memory.bytes.set(plain, PLAIN);
  const { address } = memory;
  const length = compressor.compress(address + PLAIN, plain.length, address + PACKED, room);
  return Buffer.from(memory.bytes.subarray(PACKED, PACKED + length));
}

/** Decompress `packed` in pieces of the given lengths. */
function unpack(decompressor: Decompressor, packed: Uint8Array, lengths: readonly number[]): Buffer {
  memory.bytes.set(packed, PACKED);
  decompressor.feed(memory.address + PACKED, packed.length);
  let at = UNPACKED;
  for (const length of lengths) {
    decompressor.read(memory.address + at, length);
    at += length;
  }
  decompressor.finish();
  return Buffer.from(memory.bytes.subarray(UNPACKED, at));
}

/** Text, noise and zeroes: something else for each `round`. */
function contents(round: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (round % 3 === 0) bytes.fill(`round ${round}, `);
  let noise = round + 1;
  if (round % 3 === 1)
    for (let i = 0; i < length; i++) {
      noise = Math.imul(noise, 0x41c6_4e6d) + 12345;
      bytes[i] = noise >>> 16;
    }
  return bytes;
}

for (const name of ['zlib', 'zstd'] as const)
  describe(name, () => {
    const method = pageMethod(name);

    test('goes on from packet to packet, in pieces of any length', () => {
      using compressor = method.compressor(1)!;
      using decompressor = method.decompressor()!;
      let [plain, packed] = [0, 0];
      for (let round = 0; round < 30; round++) {
        const bytes = contents(round, 1 + ((round * 52_361) % (512 * 1024)));
        const stream = pack(compressor, bytes);
        const cut = Math.floor(bytes.length / 3);
        assert.ok(unpack(decompressor, stream, [cut, bytes.length - cut]).equals(bytes), `round ${round}`);
        plain += bytes.length;
        packed += stream.length;
      }
      assert.ok(packed < plain / 2);
    });

    test('what cannot be compressed fits where 512 KiB become 1 MiB', () => {
      using compressor = method.compressor(1)!;
      const bytes = contents(1, 512 * 1024);
      assert.ok(pack(compressor, bytes).length < 520 * 1024);
    });

    test('every level can be read', () => {
      for (const level of name === 'zlib' ? [0, 1, 9] : [1, 3, 20]) {
        using compressor = method.compressor(level)!;
        using decompressor = method.decompressor()!;
        const bytes = contents(level, 100_000);
        assert.ok(
          unpack(decompressor, pack(compressor, bytes), [bytes.length]).equals(bytes),
          `level ${level}`,
        );
      }
    });

    test('levels that it does not have are refused', () => {
      for (const level of [-1, 0.5, name === 'zlib' ? 10 : 0, 21, Number.NaN])
        assert.throws(() => method.compressor(level), { code: 'ERR_LEVEL' });
    });

    test('output that does not fit is an error', () => {
      using compressor = method.compressor(1)!;
      assert.throws(() => pack(compressor, contents(1, 10_000), 5_000), { code: 'ERR_COMPRESS' });
    });

    /** A stream of two packets, of which the second is made bad. */
    const bad: Readonly<Record<string, (packed: Buffer, bytes: Buffer) => [Uint8Array, number[]]>> = {
      'less than was expected': (packed, bytes) => [packed, [bytes.length + 1]],
      'more than was expected': (packed, bytes) => [packed, [bytes.length - 1]],
      'much more than was expected': (packed) => [packed, [1]],
      'an end within': (packed, bytes) => [packed.subarray(0, packed.length >> 1), [bytes.length]],
      'bytes behind': (packed, bytes) => [Buffer.concat([packed, Buffer.alloc(20, 0xff)]), [bytes.length]],
      damage: (packed, bytes) => [Buffer.from(packed).fill(0xff, 0, 8), [bytes.length]],
      nothing: (_, bytes) => [Buffer.alloc(0), [bytes.length]],
    };
    for (const [what, make] of Object.entries(bad))
      test(`${what} is refused`, () => {
        using compressor = method.compressor(1)!;
        using decompressor = method.decompressor()!;
        unpack(decompressor, pack(compressor, contents(0, 9_000)), [9_000]);
        memory.bytes.fill(0, UNPACKED);
        const bytes = contents(1, 9_000);
        const [packed, lengths] = make(pack(compressor, bytes), bytes);
        assert.throws(() => unpack(decompressor, packed, lengths), { code: 'ERR_COMPRESSED_DATA' });
        const beyond = memory.bytes.subarray(UNPACKED + lengths[0]!);
        assert.ok(
          beyond.every((byte) => byte === 0),
          'nothing was written behind the room for it',
        );
      });

    test('a stream that ends is refused: those of channels go on', () => {
      using decompressor = method.decompressor()!;
      const bytes = contents(0, 5_000);
      const whole = name === 'zlib' ? deflateSync(bytes) : zstdCompressSync(bytes);
      assert.throws(() => unpack(decompressor, whole, [bytes.length]), {
        code: 'ERR_COMPRESSED_DATA',
        message: /ended/,
      });
    });
  });

test('a zstd stream that asks for a larger window than is allowed is refused before it has it', () => {
  using decompressor = new ZstdDecompressor(20);
  // Magic, no content size, a window of 2^27 bytes, one raw block of a byte
  const frame = Buffer.from('28b52ffd00880900' + '0041', 'hex');
  assert.throws(() => unpack(decompressor, frame, [1]), { code: 'ERR_COMPRESSED_DATA', message: /memory/ });
});

describe('zstd frames', () => {
  const at = (place: number) => memory.address + place;

  test('become what they were', () => {
    using frames = new ZstdFrames(1, 20);
    for (let round = 0; round < 6; round++) {
      const bytes = contents(round, 1 + round * 150_000);
      memory.bytes.set(bytes, PLAIN);
      const length = frames.compress(at(PLAIN), bytes.length, at(PACKED), ROOM);
      assert.equal(frames.decompress(at(PACKED), length, at(UNPACKED), bytes.length), bytes.length);
      assert.ok(bytes.equals(memory.bytes.subarray(UNPACKED, UNPACKED + bytes.length)));
    }
  });

  test('that have no room are told, nothing is written behind it', () => {
    using frames = new ZstdFrames(1, 20);
    memory.bytes.set(contents(1, 5_000), PLAIN);
    assert.equal(frames.compress(at(PLAIN), 5_000, at(PACKED), 4_999), -1);
    assert.equal(memory.bytes[PACKED + 4_999], 0);
  });

  const bad: Readonly<Record<string, (frame: Buffer) => { frame: Buffer; room?: number }>> = {
    'one that holds more than there is room for': (frame) => ({ frame, room: 8_999 }),
    'one that ends within': (frame) => ({ frame: frame.subarray(0, frame.length - 1) }),
    'one with bytes behind': (frame) => ({ frame: Buffer.concat([frame, Buffer.alloc(1)]) }),
    two: (frame) => ({ frame: Buffer.concat([frame, frame]), room: 18_000 }),
    nothing: () => ({ frame: Buffer.alloc(0) }),
    'something else': () => ({ frame: Buffer.alloc(100, 0x55) }),
  };
  for (const [what, make] of Object.entries(bad))
    test(`${what} is refused`, () => {
      using frames = new ZstdFrames(1, 20);
      const { frame, room = 9_000 } = make(zstdCompressSync(contents(0, 9_000)));
      memory.bytes.set(frame, PACKED);
      assert.throws(() => frames.decompress(at(PACKED), frame.length, at(UNPACKED), room), {
        code: 'ERR_COMPRESSED_DATA',
      });
      assert.ok(memory.bytes.subarray(UNPACKED + room).every((byte) => byte === 0));
    });
});

test('a library that is missing is named, with the package that has it', () => {
  assert.throws(() => loadLibrary('libferry-has-no-such.so.1', 'ferry-none'), {
    code: 'ERR_LIBRARY',
    message: /libferry-has-no-such\.so\.1 cannot be loaded.*ferry-none/,
  });
});
