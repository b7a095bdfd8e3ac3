/** Migration parameters of file systems and disks: whatever a document offers can be had, and reports itself again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import {
  argvOf,
  check,
  complete,
  type Domain,
  formatInfo,
  formatList,
  initialValues,
  type Model,
  readArguments,
  readInfo,
  type Value,
} from '../../src/compat/index.ts';
import { type Device, offeredModel } from '../../src/device/index.ts';
import { blkOffer, blkOptionsOf, createBlkDevice, lookAtImage } from '../../src/devices/blk/index.ts';
import {
  createDirectoryFsDevice,
  createFsDevice,
  FUSE_FEATURES,
  fsOffer,
  fsOptionsOf,
} from '../../src/devices/fs/index.ts';
import { loadInto, parametersOf, saved } from '../support/device/parameters.ts';
import { GuestOf } from './fs-guest.ts';

const folder = mkdtempSync(join(tmpdir(), 'ferry-parameters-'));
after(() => rmSync(folder, { recursive: true }));
const image = join(folder, 'image');
writeFileSync(image, '');
truncateSync(image, 1 << 20);

const SDK = { packed: true, newestStateFormat: 2 };
const fs = (given: Parameters<typeof fsOffer>[0] = {}) =>
  offeredModel(fsOffer({ tag: false, ...given }), SDK);
const blk = (given: Parameters<typeof blkOffer>[0] = {}) => offeredModel(blkOffer(given), SDK);
const infoOf = (model: Model) => ({ models: new Map([[model.name, model]]) });

/** A value of a domain; of large numbers one that this machine can be asked for. */
function anyOf(domain: Domain, init: Value): fc.Arbitrary<Value> {
  switch (domain.kind) {
    case 'bool':
      return fc.constantFrom<Value>(...[true, false].filter((value) => (value ? domain.on : domain.off)));
    case 'str':
      return fc.constantFrom<Value>(...domain.values);
    case 'int':
      return fc
        .constantFrom(...domain.intervals)
        .chain(({ min, max }) => fc.bigInt(min, max < min + (1n << 26n) ? max : min + (1n << 26n)));
    case 'any':
      return fc.constant(init);
  }
}

/** Values for every parameter of a model. */
function assignments(model: Model): fc.Arbitrary<ReadonlyMap<string, Value>> {
  const entries = [...model.parameters.values()].map(({ name, domain, init }) =>
    anyOf(domain, init).map((value) => [name, value] as const),
  );
  return fc.tuple(...entries).map((pairs) => new Map(pairs));
}

/** What a program makes of a command line with these values: the device, and how it is served. */
function start(
  model: Model,
  values: ReadonlyMap<string, Value>,
  make: (values: ReadonlyMap<string, Value>) => Device,
) {
  const read = readArguments(infoOf(model), argvOf(values)).values;
  const device = make(read);
  const settings = {
    packed: read.get('packed-ring') === true,
    stateFormat: Number(read.get('state-format')),
  };
  return { device, parameters: parametersOf(device, settings)! };
}

const KINDS: readonly (readonly [string, Model, (values: ReadonlyMap<string, Value>) => Device])[] = [
  ['a file system in memory', fs({ backing: 'memory' }), (values) => createFsDevice(fsOptionsOf(values))],
  [
    'a shared directory',
    fs({ backing: 'directory' }),
    (values) => createDirectoryFsDevice({ ...fsOptionsOf(values), directory: folder }),
  ],
  [
    'a disk in memory',
    blk({ backing: 'memory', size: 1 << 20 }),
    (values) => createBlkDevice(blkOptionsOf(values)),
  ],
  [
    'an image',
    blk({ backing: 'image', ...lookAtImage(image, {}) }),
    (values) => createBlkDevice({ ...blkOptionsOf(values), memory: undefined, path: image }),
  ],
];

describe('documents', () => {
  for (const [what, model] of [['nothing given', fs()] as const, ...KINDS, ['no disk given', blk()] as const])
    test(`of ${what} have no errors, and say the same when they are read`, () => {
      const text = formatInfo(infoOf(model));
      const { info, findings } = readInfo(text);
      assert.deepEqual(
        findings.filter(({ code }) => code !== 'always-off'),
        [],
      );
      assert.equal(formatInfo(info!), text);
    });

  test('without a backing both are there, each with what it has', () => {
    const info = infoOf(fs());
    const takes = (values: Record<string, Value>) => {
      const all = new Map([...initialValues(fs()), ...Object.entries(values)]);
      return () => readArguments(info, argvOf(all));
    };
    assert.doesNotThrow(takes({}));
    const directory = {
      backing: 'directory',
      memory: 0n,
      'fuse-export': false,
      'fuse-security-context': false,
    };
    assert.doesNotThrow(takes(directory));
    for (const wrong of [
      { memory: 0n },
      { backing: 'directory' },
      { 'fuse-submounts': true },
      { 'read-only': true },
      { ...directory, memory: 65_536n },
      { ...directory, 'fuse-export': true },
    ])
      assert.throws(takes(wrong), { code: 'ERR_COMPAT_ARGUMENT' }, JSON.stringify(Object.keys(wrong)));
  });

  test('of a disk whose size nobody said cannot promise that any will do', () => {
    const list = { model: blk().name, version: undefined, parameters: new Map([['size', '8191']]) };
    const { reasons } = check(list, infoOf(blk()));
    assert.ok(reasons.some(({ code, parameter }) => code === 'any-value' && parameter === 'size'));
  });
});

describe('list, command line, device, list', () => {
  for (const [what, model, make] of KINDS)
    test(`are the same for ${what}, whatever its document offers`, () => {
      fc.assert(
        fc.property(assignments(model), (values) => {
          const { device, parameters } = start(model, values, make);
          using _device = { [Symbol.dispose]: () => device[Symbol.dispose]?.() };
          const { list } = parameters;
          assert.deepEqual(new Map([...complete(list, model)]), new Map([...values].sort()));
          const instance = parameters.model;
          assert.equal(check(list, infoOf(instance)).answer, 'yes', 'a device takes its own list');
          assert.equal(check(list, infoOf(model)).answer, 'yes');
        }),
        // An image has threads that have to come up
        { numRuns: what === 'an image' ? 3 : 60 },
      );
    });
});

describe('what the guest agreed to', () => {
  const offered = () => createFsDevice({ memory: 1 << 20, locks: 'device' });
  const inEffect = (device: Device) =>
    [...parametersOf(device)!.list.parameters.keys()].filter((name) => /^fuse-(?!minor)|locks/.test(name));

  test('is in effect in place of what was offered, and is what a new device is made with', () => {
    using before = new GuestOf(offered());
    const all = FUSE_FEATURES.filter(({ backing }) => backing !== 'directory').map(({ name }) => name);
    assert.deepEqual(inEffect(before.device), [...all, 'locks']);
    const plus = FUSE_FEATURES.find(({ name }) => name === 'fuse-readdirplus')!;
    before.client.init(plus.flags, 38);
    assert.deepEqual(inEffect(before.device), ['fuse-readdirplus']);
    const { list } = parametersOf(before.device)!;
    assert.deepEqual([list.parameters.get('fuse-minor'), list.parameters.get('locks')], ['38', undefined]);

    const model = fs({ backing: 'memory' });
    const { device, parameters } = start(model, complete(list, model), (values) =>
      createFsDevice(fsOptionsOf(values)),
    );
    using after = new GuestOf(device as ReturnType<typeof createFsDevice>);
    assert.equal(formatList(parameters.list), formatList(list));
    after.client.init();
    assert.equal(formatList(parameters.list), formatList(list), 'it offers no more than that');
  });

  test('fits a device that offers more, and is refused by one that offers less', () => {
    using guest = new GuestOf(offered());
    guest.client.init();
    const state = saved(guest.device);
    using other = createFsDevice({ memory: 1 << 20 });
    loadInto(other, state);
    assert.equal(parametersOf(other)!.list.parameters.get('locks'), 'device');
    for (const [change, words] of [
      [{ withoutFeatures: ['fuse-export'] }, /fuse-export is on at the source, this device takes off/],
      [{ fuseMinor: 36 }, /fuse-minor is \d+ at the source, this device takes 31-36/],
      [{ memory: 1 << 19 }, /memory is 1048576 at the source, this device takes 65536-524288/],
    ] as const) {
      using less = createFsDevice({ memory: 1 << 20, ...change });
      assert.throws(() => loadInto(less, state), { code: 'ERR_STATE_PARAMETERS', message: words });
      const plain = parametersOf(guest.device, { stateFormat: 1 });
      assert.throws(
        () => loadInto(less, saved(guest.device, plain)),
        /ERR|FUSE|memory/,
        'as the first format says, too',
      );
    }
  });

  test('more memory, and more queues, are taken from a device that had less', () => {
    using small = new GuestOf(createFsDevice({ memory: 1 << 20 }));
    small.client.init();
    using large = createFsDevice({ memory: 1 << 24, requestQueues: 4 });
    loadInto(large, saved(small.device));
    const { parameters } = parametersOf(large)!.list;
    assert.deepEqual([parameters.get('memory'), parameters.get('request-queues')], [`${1 << 24}`, '4']);
  });
});

test('a disk whose image has grown by the time it is loaded takes the size that it has then', () => {
  const path = join(folder, 'grows');
  writeFileSync(path, new Uint8Array(1 << 20));
  using there = createBlkDevice({ path });
  const parameters = parametersOf(there)!;
  truncateSync(path, 1 << 21);
  using here = createBlkDevice({ path });
  loadInto(there, saved(here), parameters);
  assert.equal(parameters.list.parameters.get('size'), `${1 << 21}`);
});
