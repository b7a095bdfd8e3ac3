/** Any requests, cut into descriptors in any way, against a plain array that does the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BlkGuest, header, ranges, Type, testImage } from './blk-guest.ts';

const SECTORS = 512;
const SIZE = SECTORS * 512;

const place = fc.record({ sector: fc.nat(SECTORS + 4), sectors: fc.nat(40) });
const cuts = fc.array(fc.nat(3000), { maxLength: 12 });
const range = fc.tuple(fc.nat(SECTORS + 4), fc.nat(64), fc.constantFrom(0, 0, 0, 1, 2));

const step = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), place, cuts, roomCuts: cuts }),
  fc.record({ kind: fc.constant('write' as const), place, cuts, roomCuts: cuts, fill: fc.nat(255) }),
  fc.record({ kind: fc.constant('zero' as const), each: fc.array(range, { maxLength: 4 }), cuts }),
  fc.record({ kind: fc.constant('flush' as const), cuts }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function pattern(length: number, fill: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i + fill) & 0xff);
}

/** What a disk is, as simply as it can be said. Each method returns the status. */
class Model {
  readonly bytes = new Uint8Array(SIZE);

  fits(sector: number, sectors: number): boolean {
    return sector + sectors <= SECTORS;
  }

  zero(each: readonly (readonly [number, number, number])[]): number {
    if (each.length === 0) return 1;
    for (const [sector, sectors, flags] of each) {
      if (flags > 1) return 2;
      if (!this.fits(sector, sectors)) return 1;
    }
    for (const [sector, sectors] of each) this.bytes.fill(0, sector * 512, (sector + sectors) * 512);
    return 0;
  }
}

function take(guest: BlkGuest, model: Model, one: Step): void {
  if (one.kind === 'flush') {
    assert.equal(guest.ask(header(Type.flush), 1, { cuts: one.cuts }).status, 0);
    return;
  }
  if (one.kind === 'zero') {
    const bytes = Buffer.concat([header(Type.writeZeroes), ranges(...one.each)]);
    assert.equal(guest.ask(bytes, 1, { cuts: one.cuts }).status, model.zero(one.each));
    return;
  }
  const { sector, sectors } = one.place;
  const length = sectors * 512;
  const fits = model.fits(sector, sectors);
  const shape = { cuts: one.cuts, roomCuts: one.roomCuts };
  if (one.kind === 'write') {
    const data = pattern(length, one.fill);
    const answer = guest.ask(Buffer.concat([header(Type.out, sector), data]), 1, shape);
    assert.deepEqual([answer.status, answer.used], [fits ? 0 : 1, 1]);
    if (fits) model.bytes.set(data, sector * 512);
    return;
  }
  const answer = guest.ask(header(Type.in, sector), length + 1, shape);
  assert.deepEqual([answer.status, answer.used], fits ? [0, length + 1] : [1, length === 0 ? 1 : 0]);
  if (fits) assert.deepEqual(answer.data, model.bytes.slice(sector * 512, sector * 512 + length));
}

describe('a disk does what an array of bytes does', () => {
  for (const [what, options] of [
    ['in memory', undefined],
    ['in the page cache', {}],
    ['past the page cache', { direct: true, lanes: 1 }],
  ] as const)
    it(what, () => {
      using image = testImage(SIZE);
      using guest = new BlkGuest(options === undefined ? { memory: SIZE } : { path: image.path, ...options });
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
          const model = new Model();
          guest.write(0, model.bytes);
          for (const one of steps) take(guest, model, one);
          assert.deepEqual(guest.read(0, SIZE), model.bytes);
          if (options !== undefined && !('direct' in options))
            assert.deepEqual(new Uint8Array(readFileSync(image.path)), model.bytes);
        }),
        { numRuns: 60 },
      );
    });
});
