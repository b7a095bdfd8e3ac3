/** Inflight regions: whichever store was the last one before the process was killed, each request is given back once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DescriptorChain, inflightStride, type Virtqueue } from '../../src/virtio/index.ts';
import { ModelDriver, regionOf, WORLD_SIZE, type World } from '../support/model-driver.ts';
import { assertTurnsRed } from '../support/planted.ts';
import { TestMemory } from '../support/raw-ring.ts';
import { StoreWatch } from '../support/stores.ts';

/** Where a driver and a device stand whose process is about to be killed at some store. */
class Scene implements Disposable {
  readonly world: World;
  readonly memory = new TestMemory(WORLD_SIZE);
  readonly other = new TestMemory(WORLD_SIZE);
  readonly driver: ModelDriver;
  readonly #watch: StoreWatch;
  /** Ids of what the device has taken, in its order. */
  readonly taken: { id: number; chain: DescriptorChain; held?: boolean }[] = [];
  /** Ids of what it has not taken yet. */
  readonly #waiting: number[] = [];
  device!: Virtqueue;
  /** Requests that may or may not be among the unfinished, depending on the store. */
  #doubtful: readonly number[] = [];
  snapshots = 0;

  constructor(world: World, start: number) {
    this.world = world;
    this.driver = ModelDriver.fresh(world, this.memory, start);
    this.#watch = new StoreWatch(bytesOf(this.memory).buffer);
    const { base } = this.driver;
    this.#watched(() => {
      this.device = this.driver.device(base, this.#region());
    });
  }

  submit(id: number, count: number): void {
    if (this.driver.submit(id, count)) this.#waiting.push(id);
  }

  pop(): void {
    const chain = new DescriptorChain();
    this.#doubtful = this.#waiting.slice(0, 1);
    if (this.#watched(() => this.device.pop(chain))) this.taken.push({ id: this.#waiting.shift()!, chain });
  }

  /** Finish a request, with all that is held if `flush`. */
  complete(index: number, flush: boolean): void {
    const one = this.taken.filter(({ held }) => held !== true)[index];
    if (one === undefined) return;
    one.held = true;
    const shown = flush || this.world.kind === 'packed';
    this.#doubtful = shown ? this.taken.filter(({ held }) => held).map(({ id }) => id) : [];
    this.#watched(() => (flush ? this.device.complete(one.chain) : this.device.hold(one.chain)));
    if (shown) this.#forgetHeld();
  }

  flush(): void {
    this.#doubtful = this.taken.filter(({ held }) => held).map(({ id }) => id);
    this.#watched(() => this.device.flush());
    this.#forgetHeld();
  }

  /** The process is killed now, and the next one goes on. */
  restart(): void {
    this.#doubtful = [];
    const before = this.taken.splice(0).map(({ id }) => id);
    this.#watched(() => {
      this.device = this.driver.device(0, this.#region());
      for (const request of this.device.unfinished) {
        const chain = new DescriptorChain();
        this.device.recover(chain, request);
        this.taken.push({ id: request.head, chain });
      }
    }, before);
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.other[Symbol.dispose]();
  }

  #forgetHeld(): void {
    const left = this.taken.filter(({ held }) => held !== true);
    this.taken.splice(0, this.taken.length, ...left);
  }

  #region(): Uint8Array {
    const { offset, length } = regionOf(this.world);
    return this.#watch.bytes(bytesOf(this.memory).byteOffset + offset, length);
  }

  #watched<T>(body: () => T, before: readonly number[] = this.taken.map(({ id }) => id)): T {
    return this.#watch.during(() => {
      this.snapshots++;
      for (const busy of [false, true]) this.#survives(before, busy);
    }, body);
  }

  /** Go on from a copy of the memory as it is now; `busy`: the driver has gone on while no device was there. */
  #survives(taken: readonly number[], busy: boolean): void {
    bytesOf(this.other).set(bytesOf(this.memory));
    const driver = this.driver.fork(this.other);
    if (busy) {
      driver.collect();
      for (let id = 0; id < this.world.size; id++) driver.submit(id, 1 + (id % 2));
    }
    if (bytesOf(this.other)[regionOf(this.world).offset + 8] === 0) return;
    const device = driver.device(0);
    const certain = (ids: readonly number[]) => ids.filter((id) => !this.#doubtful.includes(id));
    const unfinished = device.unfinished.map(({ head }) => head);
    if (taken.length > 0)
      assert.deepEqual(certain(unfinished), certain(taken), 'in the order they were taken');
    const chains: DescriptorChain[] = [];
    for (const request of device.unfinished) {
      const chain = new DescriptorChain();
      device.recover(chain, request);
      assert.equal(chain.writable.length, driver.open.get(request.head), `request ${request.head} is whole`);
      chains.push(chain);
    }
    for (let chain = new DescriptorChain(); device.pop(chain); chain = new DescriptorChain())
      chains.push(chain);
    for (const chain of chains.reverse()) device.complete(chain);
    driver.collect();
    assert.deepEqual([...driver.open.keys()], [], 'nothing is lost');
    assert.equal(driver.device(0).unfinished.length, 0, 'nothing is left in the region');
  }
}

function bytesOf(memory: TestMemory): Uint8Array<ArrayBuffer> {
  return memory.memory.regions[0]!.bytes;
}

const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('submit' as const), id: fc.nat(7), count: fc.integer({ min: 1, max: 2 }) }),
    fc.record({
      what: fc.constantFrom('pop', 'pop', 'flush', 'restart', 'collect'),
    }),
    fc.record({ what: fc.constant('complete' as const), pick: fc.nat(7), flush: fc.boolean() }),
  ),
  { minLength: 10, maxLength: 40 },
);

for (const kind of ['split', 'packed'] as const)
  test(`killed at any store, nothing is lost and nothing is given back twice, ${kind}`, (t) => {
    let snapshots = 0;
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(4, 8),
        fc.constantFrom(0, 3),
        fc.constantFrom(0, 5, 0xfffe),
        (list, size, more, start) => {
          const entries = size + more;
          using scene = new Scene({ kind, size, entries }, start);
          for (const step of list) {
            if (step.what === 'submit') scene.submit(step.id % size, step.count);
            else if (step.what === 'pop') scene.pop();
            else if (step.what === 'restart') scene.restart();
            else if (step.what === 'collect') scene.driver.collect();
            else if (step.what === 'flush') scene.flush();
            else if (step.what === 'complete' && scene.taken.length > 0)
              scene.complete(step.pick % scene.taken.length, step.flush);
          }
          snapshots += scene.snapshots;
        },
      ),
      { numRuns: 250 },
    );
    t.diagnostic(`${snapshots} stores`);
    assert.ok(snapshots > 4000, `${snapshots} stores were looked at`);
  });

test('a packed chain that fills the ring survives every store of its completion', () => {
  using scene = new Scene({ kind: 'packed', size: 4, entries: 4 }, 0);
  for (let lap = 0; lap < 5; lap++) {
    scene.submit(lap % 4, 4);
    scene.pop();
    scene.complete(0, true);
    assert.deepEqual(scene.driver.collect(), [lap % 4]);
  }
});

test('strides are those that other back ends derive', () => {
  assert.deepEqual(
    [1, 3, 4, 16, 128, 256].map((size) => [inflightStride('split', size), inflightStride('packed', size)]),
    [
      [64, 64],
      [64, 128],
      [128, 192],
      [320, 576],
      [2112, 4160],
      [4160, 8256],
    ],
  );
});

const faults = [
  {
    what: 'an entry cleared before its request is given back',
    kind: 'split',
    file: 'src/virtio/split-queue.ts',
    find: '    Atomics.store(this.#used, 1, this.#usedIndex);',
    replace:
      '    if (inflight !== undefined) for (let i = 0; i < held; i++) inflight.clear(this.#heads[i]!);\n    Atomics.store(this.#used, 1, this.#usedIndex);',
  },
  {
    what: 'a request marked before its counter is there',
    kind: 'split',
    file: 'src/virtio/split-inflight.ts',
    find: '    const counter = this.#counter++;',
    replace: '    bytes[at] = 1;\n    const counter = this.#counter++;',
  },
  {
    what: 'a completion that a successor does not undo',
    kind: 'packed',
    file: 'src/virtio/packed-inflight.ts',
    find: 'if (begun && (free === oldFree || state !== availableState(oldWrap)))',
    replace: 'if (begun)',
  },
  {
    what: 'a committed index before the free list',
    kind: 'packed',
    file: 'src/virtio/packed-inflight.ts',
    find: '    halves[AT_OLD_FREE] = entry;\n    halves[AT_OLD_USED] = used;\n    bytes[AT_OLD_WRAP] = wrap;',
    replace:
      '    bytes[AT_OLD_WRAP] = wrap;\n    halves[AT_OLD_USED] = used;\n    halves[AT_OLD_FREE] = entry;',
  },
];

for (const { what, kind, ...fault } of faults)
  test(`planted: ${what}`, () =>
    assertTurnsRed(new URL(import.meta.url), fault, new RegExp(`killed at any store.*${kind}`)));
