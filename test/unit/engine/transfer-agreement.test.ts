import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageOf } from '../../../src/engine/transfer/control/messages.ts';
import { objections } from '../../../src/engine/transfer/destination/agreement.ts';
import { OPEN } from './transfer-messages.ts';

const MACHINE = {
  uuid: OPEN.uuid,
  blocks: OPEN.blocks.map(({ name, length }) => ({ name, length, address: 0 })),
  fresh: true,
  devices: OPEN.devices
    .map(({ idstr, instance }) => ({ idstr, instance, load: () => Promise.resolve() }))
    .reverse(),
  start: () => Promise.resolve(),
  discard: () => Promise.resolve(),
};
const LIMITS = { oneWay: false, maxChannels: 16 };
const [RAM, DRIVERS] = OPEN.blocks as [
  MessageOf<'open'>['blocks'][number],
  MessageOf<'open'>['blocks'][number],
];
const [DISK, OTHER] = OPEN.devices as [
  MessageOf<'open'>['devices'][number],
  MessageOf<'open'>['devices'][number],
];

test('what fits is not refused, in whatever order blocks and devices are', () => {
  assert.deepEqual(objections(OPEN, MACHINE, LIMITS), []);
  assert.deepEqual(objections({ ...OPEN, blocks: [DRIVERS, RAM] }, MACHINE, LIMITS), []);
  assert.deepEqual(
    objections({ ...OPEN, version: 7 }, MACHINE, LIMITS),
    [],
    'a newer one that still speaks this',
  );
});

const REFUSED: readonly (readonly [string, Partial<MessageOf<'open'>>, string])[] = [
  ['too new', { version: 3, oldest: 2 }, 'it speaks versions 2 to 3, this end 1'],
  ['too old', { version: 0, oldest: 0 }, 'it speaks versions 0 to 0, this end 1'],
  ['versions upside down', { version: 0, oldest: 1 }, 'it speaks versions 1 to 0, this end 1'],
  ['a folder', { oneWay: true }, 'it is meant for a folder'],
  ['no channels', { channels: 0 }, 'it has 0 channels, expected 1 to 16'],
  ['more channels than are allowed', { channels: 17 }, 'it has 17 channels, expected 1 to 16'],
  [
    'another machine',
    { uuid: new Uint8Array(16) },
    'its UUID is 00000000000000000000000000000000, expected 000102030405060708090a0b0c0d0e0f',
  ],
  ['other pages', { pageSize: 16_384 }, 'its pages have 16384 bytes, expected 4096'],
  ['a block missing', { blocks: [RAM] }, 'it has no memory block drivers'],
  [
    'a block too many',
    { blocks: [...OPEN.blocks, { name: 'rom', length: 4096 }] },
    'its memory block rom is not here',
  ],
  ['a block twice', { blocks: [RAM, DRIVERS, RAM] }, 'it has two memory blocks ram'],
  [
    'a block of another size',
    { blocks: [RAM, { name: 'drivers', length: 4096 }] },
    'its memory block drivers has 4096 bytes, expected 65536',
  ],
  ['a device missing', { devices: [OTHER] }, 'it has no device 0000:00:03.0/disk'],
  [
    'a device of another instance',
    { devices: [DISK, { idstr: 'é', instance: 1 }] },
    'its device é/1 is not here; it has no device é/4294967295',
  ],
  ['a device twice', { devices: [DISK, OTHER, DISK] }, 'it has two devices 0000:00:03.0/disk'],
  [
    'nothing right',
    { channels: 99, pageSize: 1 },
    'it has 99 channels, expected 1 to 16; its pages have 1 bytes, expected 4096',
  ],
];

for (const [what, change, why] of REFUSED)
  test(`refused: ${what}`, () => {
    assert.equal(objections({ ...OPEN, ...change }, MACHINE, LIMITS).join('; '), why);
  });

test('a folder is read as one, and holds no extensions', () => {
  const limits = { ...LIMITS, oneWay: true };
  const plain = { ...OPEN, checksum: false };
  assert.deepEqual(objections({ ...plain, oneWay: true }, MACHINE, limits), []);
  assert.deepEqual(objections(plain, MACHINE, limits), ['it expects answers, and this is a folder']);
  assert.deepEqual(objections({ ...OPEN, oneWay: true }, MACHINE, limits), [
    'it has extensions that files do not hold',
  ]);
});
