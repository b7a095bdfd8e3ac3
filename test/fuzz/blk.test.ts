/** Requests that are plausible, then bent: a disk answers each once, keeps within its bounds, and tells no more than is so. */
import assert from 'node:assert/strict';
import { BlkGuest, header, ranges, Type, testImage } from '../unit/blk-guest.ts';
import { type Draw, fuzz } from './target.ts';

const SECTORS = 256;
const NOT_YET = 0xee;
const TYPES = [...Object.values(Type), 14, 15, 16, 24, 77, 0xffffffff];

function sectorOf(draw: Draw): number | bigint {
  return draw.pick([draw.below(SECTORS), SECTORS - 1, SECTORS, 2n ** 55n, 2n ** 64n - 1n]);
}

/** What the driver sends, and how much room there is for the answer. */
function plausible(draw: Draw): { bytes: Uint8Array; room: number } {
  const type = draw.pick(TYPES);
  const sector = sectorOf(draw);
  const length = draw.pick([0, 512, 4096, draw.below(64) * 512, draw.below(5000)]);
  if (type === Type.in) return { bytes: header(type, sector), room: length + 1 };
  if (type === Type.getId) return { bytes: header(type), room: draw.pick([21, 1, draw.below(64)]) };
  if (type === Type.discard || type === Type.writeZeroes) {
    const each = Array.from(
      { length: draw.pick([1, 2, draw.below(40)]) },
      () => [draw.below(SECTORS + 8), draw.below(64), draw.pick([0, 0, 1, draw.below(8)])] as const,
    );
    return { bytes: new Uint8Array(Buffer.concat([header(type), ranges(...each)])), room: 1 };
  }
  const data = new Uint8Array(type === Type.out ? length : draw.below(40)).fill(draw.below(256));
  return {
    bytes: new Uint8Array(Buffer.concat([header(type, sector), data])),
    room: draw.pick([1, 1, 2, 20]),
  };
}

function bent({ bytes, room }: { bytes: Uint8Array; room: number }, draw: Draw) {
  if (draw.below(3) > 0) return { bytes, room };
  const shorter = draw.once(2) ? bytes.slice(0, draw.below(bytes.length + 1)) : bytes.slice();
  for (let i = draw.below(4); i > 0 && shorter.length > 0; i--)
    shorter[draw.below(Math.min(shorter.length, 48))] = draw.pick([0, 1, 0x7f, 0xff, draw.below(256)]);
  return { bytes: shorter, room: draw.once(3) ? draw.below(600) : room };
}

function cutsOf(draw: Draw): number[] {
  return Array.from({ length: draw.below(6) }, () => draw.pick([0, 1, 15, 16, 17, 512, draw.below(2000)]));
}

fuzz('blk', async (loop) => {
  using image = testImage(SECTORS * 512);
  using inFile = new BlkGuest({ path: image.path, lanes: 1 });
  using direct = new BlkGuest({ path: image.path, direct: true, lanes: 1, queues: 2 });
  using inMemory = new BlkGuest({ memory: SECTORS * 512 });
  using readOnly = new BlkGuest({ path: image.path, readOnly: true, discard: false });
  let succeeded = 0;
  let failed = 0;
  await loop((draw) => {
    const guest = draw.pick([inMemory, inFile, inFile, direct, readOnly]);
    const { bytes, room } = bent(plausible(draw), draw);
    const shape = { cuts: cutsOf(draw), roomCuts: cutsOf(draw) };
    if (room === 0) {
      guest.ask(bytes, 0, shape);
      return;
    }
    const { status, used, data } = guest.ask(bytes, room, shape);
    assert.ok(status <= 2, `status ${status}`);
    assert.ok(used <= room);
    // What the driver is told of has been written, and with a failure nothing else
    const told = data.subarray(0, used);
    if (status === 0) succeeded++;
    else {
      failed++;
      assert.ok(used === 0 || room === 1, `${used} bytes of a failure`);
    }
    const wrote = data.some((byte) => byte !== NOT_YET);
    if (wrote) assert.ok(told.length > 0, 'bytes were written that the driver is not told of');
  });
  assert.ok(succeeded > 0 && failed > 0, `${succeeded} succeeded, ${failed} failed`);
});
