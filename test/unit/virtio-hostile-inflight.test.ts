/** Inflight regions as no queue leaves them: each is refused by name, or taken for what it says, and nothing hangs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DescriptorChain, inflightStride, VirtqueueError } from '../../src/virtio/index.ts';
import { ModelDriver, WORLD_SIZE, type World } from '../support/model-driver.ts';
import { TestMemory } from '../support/raw-ring.ts';

const SIZE = 8;

/** A driver with requests 0 to 2 in flight, of which the device has taken 0 and 1; the device is gone. */
class Scene implements Disposable {
  readonly memory = new TestMemory(WORLD_SIZE);
  readonly driver: ModelDriver;
  readonly region: DataView;
  readonly world: World;

  constructor(kind: World['kind']) {
    this.world = { kind, size: SIZE, entries: SIZE };
    this.driver = ModelDriver.fresh(this.world, this.memory, 0);
    const bytes = this.driver.region();
    this.region = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const device = this.driver.device(this.driver.base);
    for (let id = 0; id < 3; id++) this.driver.submit(id, 2);
    for (let id = 0; id < 2; id++) device.pop(new DescriptorChain());
  }

  /** Everything is given back by a device that starts now. Returns what it found unfinished. */
  finish(): number[] {
    const device = this.driver.device(this.driver.base);
    const chain = new DescriptorChain();
    for (const request of device.unfinished) {
      device.recover(chain, request);
      device.complete(chain);
    }
    while (device.pop(chain)) device.complete(chain);
    this.driver.collect();
    return device.unfinished.map(({ head }) => head);
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}

const split = (i: number, offset: number) => 16 + 16 * i + offset;
const packed = (i: number, offset: number) => 32 + 32 * i + offset;

const rows: [kind: World['kind'], what: string, message: RegExp, set: (region: DataView) => void][] = [
  ...(['split', 'packed'] as const).flatMap((kind): typeof rows => {
    const at = kind === 'split' ? split : packed;
    return [
      [kind, 'version 2', /Version 2/, (region) => region.setUint16(8, 2, true)],
      [kind, 'version 65535', /Version 65535/, (region) => region.setUint16(8, 0xffff, true)],
      [kind, 'no entries', /0 entries/, (region) => region.setUint16(10, 0, true)],
      [kind, 'fewer entries than the queue', /7 entries/, (region) => region.setUint16(10, 7, true)],
      [kind, 'more entries than there is room for', /64 entries/, (region) => region.setUint16(10, 64, true)],
      [
        kind,
        'a counter that comes twice',
        /Two requests with counter 0/,
        (region) => {
          for (let i = 0; i < SIZE; i++) region.setBigUint64(at(i, 8), 0n, true);
        },
      ],
      [kind, 'a counter beyond 2^53', /counter/, (region) => region.setBigUint64(at(0, 8), 2n ** 60n, true)],
      [kind, 'a mark that is neither 0 nor 1', /marked 7/, (region) => region.setUint8(at(0, 0), 7)],
    ];
  }),
  ['split', 'a used index far ahead', /Used index 9/, (region) => region.setUint16(14, 9, true)],
  ['split', 'a used index far behind', /Used index 65527/, (region) => region.setUint16(14, 0xfff7, true)],
  [
    'split',
    'a last batch that begins nowhere',
    /Entry 8/,
    (region) => {
      region.setUint16(14, 0xffff, true);
      region.setUint16(12, 8, true);
    },
  ],
  [
    'split',
    'a last batch that leads nowhere',
    /Entry 40000/,
    (region) => {
      region.setUint16(14, 0xfffe, true);
      region.setUint16(split(0, 6), 40000, true);
    },
  ],
  [
    'split',
    'a last batch that turns in a circle',
    /Entry 0/,
    (region) => {
      region.setUint16(14, 0xfffd, true);
      region.setUint16(12, 0, true);
      region.setUint16(split(0, 6), 1, true);
      region.setUint16(split(1, 6), 0, true);
    },
  ],
  ['packed', 'a used index beyond the ring', /Used index 8/, (region) => region.setUint16(16, 8, true)],
  ['packed', 'a committed index beyond the ring', /committed 99/, (region) => region.setUint16(18, 99, true)],
  ['packed', 'a wrap counter of 2', /wrap counter 2/, (region) => region.setUint8(20, 2)],
  [
    'packed',
    'a free list that begins nowhere',
    /free list/,
    (region) => {
      region.setUint16(12, 9, true);
      region.setUint16(14, 9, true);
    },
  ],
  [
    'packed',
    'a free list that turns in a circle',
    /free list/,
    (region) => region.setUint16(packed(5, 2), 4, true),
  ],
  [
    'packed',
    'a free list that leaves entries out',
    /Entry 5 is neither/,
    (region) => region.setUint16(packed(4, 2), 6, true),
  ],
  [
    'packed',
    'a free list with entries of a request',
    /of the request/,
    (region) => {
      region.setUint16(packed(7, 2), 1, true);
      region.setUint16(packed(1, 2), SIZE, true);
    },
  ],
  [
    'packed',
    'a request that turns in a circle',
    /of the request in 0/,
    (region) => region.setUint16(packed(0, 2), 0, true),
  ],
  [
    'packed',
    'a request that leads nowhere',
    /Entry 60000/,
    (region) => region.setUint16(packed(0, 2), 60000, true),
  ],
  [
    'packed',
    'a request of no descriptors',
    /of 0 descriptors/,
    (region) => region.setUint16(packed(0, 6), 0, true),
  ],
  ['packed', 'a request longer than the ring', /of 9/, (region) => region.setUint16(packed(0, 6), 9, true)],
  [
    'packed',
    'a request that ends elsewhere',
    /ends in 1/,
    (region) => region.setUint16(packed(0, 4), 3, true),
  ],
  ['packed', 'a buffer id beyond the ring', /id 8/, (region) => region.setUint16(packed(1, 16), 8, true)],
  [
    'packed',
    'a buffer id in flight twice',
    /id 1 in flight/,
    (region) => region.setUint16(packed(1, 16), 1, true),
  ],
];

for (const [kind, what, message, set] of rows)
  test(`${kind}, ${what}`, () => {
    using scene = new Scene(kind);
    set(scene.region);
    assert.throws(() => scene.driver.device(scene.driver.base), { code: 'ERR_INFLIGHT', message });
  });

for (const kind of ['split', 'packed'] as const) {
  test(`${kind}, the same region unspoilt is taken up`, () => {
    using scene = new Scene(kind);
    assert.deepEqual(scene.finish(), [0, 1]);
    assert.equal(scene.driver.open.size, 0);
  });

  test(`${kind}, a region of version 0 is written anew whatever it holds`, () => {
    using scene = new Scene(kind);
    for (let i = 0; i < scene.region.byteLength; i++) scene.region.setUint8(i, 0xa5);
    scene.region.setUint16(8, 0, true);
    const fresh = ModelDriver.fresh(scene.world, scene.memory, 3);
    const device = fresh.device(fresh.base);
    assert.deepEqual(device.unfinished, []);
    assert.equal(device.base, fresh.base);
    assert.equal(scene.region.getUint16(8, true), 1);
    assert.equal(scene.region.getUint16(10, true), SIZE);
  });

  test(`${kind}, a region that is too short or odd is refused`, () => {
    using scene = new Scene(kind);
    const length = inflightStride(kind, SIZE);
    const bytes = scene.driver.region();
    const odd = new Uint8Array(bytes.buffer, bytes.byteOffset + 4, length);
    for (const part of [bytes.subarray(0, length / 2), bytes.subarray(0, 0), odd])
      assert.throws(() => scene.driver.device(scene.driver.base, part), { code: 'ERR_INFLIGHT' });
  });

  test(`${kind}, whatever stands in a region, a queue starts or says why not, and serves within bounds`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.oneof(fc.nat(9), fc.constantFrom(0x7f, 0x80, 0xff))), {
          maxLength: 12,
        }),
        fc.boolean(),
        (changes, scribble) => {
          using scene = new Scene(kind);
          for (const [at, value] of changes) scene.region.setUint8(at < 24 ? at : at * 4, value);
          let taken = 0;
          try {
            const device = scene.driver.device(scene.driver.base);
            const chain = new DescriptorChain();
            for (const request of device.unfinished) {
              device.recover(chain, request);
              if (scribble) for (const [at, value] of changes) scene.region.setUint8(at, value ^ 0x55);
              device.complete(chain);
              taken++;
            }
            while (device.pop(chain)) {
              device.complete(chain);
              taken++;
            }
          } catch (error) {
            assert.ok(error instanceof VirtqueueError, String(error));
          }
          assert.ok(taken <= 2 * SIZE, `${taken} requests`);
        },
      ),
      { numRuns: 500 },
    );
  });
}

test('split, a region from before the driver began anew has no say where nothing is in flight', () => {
  using scene = new Scene('split');
  scene.finish();
  const bytes = scene.driver.region().slice();
  const fresh = ModelDriver.fresh(scene.world, scene.memory, 0);
  fresh.region().set(bytes);
  assert.equal(scene.region.getUint16(14, true), 3);
  const device = fresh.device(0);
  assert.equal(device.base, 0);
  assert.equal(scene.region.getUint16(14, true), 0);
});

test('packed, requests whose descriptors were noted by another device go on from them, though the ring was written over', () => {
  using scene = new Scene('packed');
  scene.memory.write(0, new Uint8Array(4 * 16).fill(0xff));
  const device = scene.driver.device(scene.driver.base);
  const chain = new DescriptorChain();
  device.recover(chain, device.unfinished[1]!);
  assert.equal(chain.head, 1);
  assert.equal(chain.writable.length, 2);
  device.complete(chain);
  device.recover(chain, device.unfinished[0]!);
  device.complete(chain);
  assert.deepEqual(scene.driver.collect(), [1, 0]);
});
