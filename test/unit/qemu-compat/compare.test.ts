/** Two QEMUs compared, of which each is as small as what is shown by it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Defaults, normalise, sameValue } from '../../../src/qemu-compat/defaults.ts';
import {
  answerWith,
  type CompareQemusOptions,
  compareQemus,
  endOfLife,
  formatRelease,
  type QemuDescription,
  type Scalar,
} from '../../../src/qemu-compat/index.ts';
import { qemu, type World } from './world.ts';

/** What was found, without notes: `answer code parameter have>want [machines]`, `if` before what only some VMs have. */
function found(source: World, destination: World, options?: CompareQemusOptions): string[] {
  const { reasons } = compareQemus(qemu(source), qemu(destination), options);
  return reasons
    .filter(({ answer }) => answer !== 'yes')
    .map(({ answer, code, parameter, have, want, ifUsed, machines }) =>
      [
        ifUsed ? 'if' : '',
        answer,
        code,
        parameter,
        want === undefined ? '' : `${have}>${want}`,
        machines.join(','),
      ]
        .filter((part) => part !== '')
        .join(' '),
    );
}

test('what a machine type sets: for a type and all made from it, the last one wins, the outer device after the inner', () => {
  const description = qemu({
    machines: { 'pc-1.0': ['nic.a=1', 'base.a=2', 'nic.b=off', 'inner.c=0x10', 'outer.c=5', 'other.a=9'] },
    devices: {
      nic: { from: 'base', has: { a: 0, b: true } },
      inner: { from: 'base', has: { c: 1 } },
      outer: { inner: ['inner'], has: { c: 1 } },
    },
  });
  const defaults = new Defaults(description);
  const on = (type: string) =>
    Object.fromEntries(
      defaults.overrides(description.machines.get('pc-1.0')!, description.devices.get(type)!),
    );
  assert.deepEqual(on('nic'), { a: 2, b: false });
  assert.deepEqual(on('inner'), { a: 2, c: 16 });
  assert.deepEqual(on('outer'), { a: 2, c: 5 });
});

test('texts that QEMU reads alike are one value', () => {
  for (const [text, type, value] of [
    ['on', 'bool', true],
    ['no', 'bool', false],
    ['0x400', 'uint16', 1024],
    ['-1', 'int32', -1],
    ['4K', 'size', 4096],
    ['off', 'OnOffAuto', 'off'],
    ['39', 'str', '39'],
  ] as const)
    assert.equal(normalise(text, type), value);
  assert.ok(sameValue(-1, 4294967295));
  assert.ok(sameValue(65535, -1));
  assert.ok(!sameValue(-2, 4294967295));
  assert.ok(!sameValue('off', false));
});

const NIC = { nic: { has: { speed: 10 } } };

test('defaults that differ are unproven unless the machine type sets them as they were', () => {
  const machines = { 'pc-10.0': [], 'pc-9.0': [] };
  const younger = { nic: { has: { speed: 100 } } };
  assert.deepEqual(found({ machines, devices: NIC }, { machines, devices: younger }), [
    'if unproven property-default nic.speed 10>100 pc-10.0,pc-9.0',
  ]);
  const kept = { 'pc-10.0': ['nic.speed=10'], 'pc-9.0': [] };
  assert.deepEqual(found({ machines, devices: NIC }, { machines: kept, devices: younger }), [
    'if unproven property-default nic.speed 10>100 pc-9.0',
  ]);
  const built = { machines, devices: NIC, builtIn: { pc: ['nic'] } };
  assert.deepEqual(found(built, { machines: kept, devices: younger }), [
    'unproven property-default nic.speed 10>100 pc-9.0',
  ]);
});

test('what one side alone knows means what it means on the newest machine type of both', () => {
  const source = { machines: { 'pc-10.0': [], 'pc-9.0': [], microvm: [] }, devices: { nic: { has: {} } } };
  const devices = { nic: { has: { tunnel: true } } };
  const machines = {
    'pc-11.0': [],
    'pc-10.0': ['nic.tunnel=off'],
    'pc-9.0': ['nic.tunnel=off'],
    microvm: [],
  };
  const said = ['if unproven property-meaning nic.tunnel off>on microvm'];
  assert.deepEqual(found(source, { machines, devices }), said);
  // And the other way round; a machine type that is not there is told apart
  assert.deepEqual(
    found({ machines, devices }, source).filter((line) => !line.includes('machine-missing')),
    ['if unproven property-meaning nic.tunnel on>off microvm'],
  );
  // A property that went away, which an old machine type had set
  const gone = {
    machines: { ...source.machines, 'pc-9.0': ['nic.old=on'] },
    devices: { nic: { has: { old: false } } },
  };
  assert.deepEqual(found(gone, { machines: source.machines, devices: { nic: {} } }), [
    'if unproven property-meaning nic.old on>off pc-9.0',
  ]);
});

test('one reason for everything that is made from one type, and none for the outer device of an inner one', () => {
  const machines = { 'pc-1.0': [] };
  const devices = (speed: number) => ({
    nic: { from: 'net', has: { speed } },
    wifi: { from: 'net', has: { speed } },
    'nic-pci': { inner: ['nic'], has: { speed } },
  });
  assert.deepEqual(found({ machines, devices: devices(1) }, { machines, devices: devices(2) }), [
    'if unproven property-default net.speed 1>2 pc-1.0',
  ]);
});

const use = (devices: readonly { type: string; has?: Record<string, Scalar> }[], machine = 'pc-1.0') => ({
  machine,
  cpus: [],
  devices: devices.map(({ type, has = {} }) => ({
    type,
    path: `/machine/peripheral/${type}`,
    added: true,
    properties: new Map(Object.entries(has)),
  })),
});

test('of a VM only what it uses counts, with the values that it has', () => {
  const machines = { 'pc-1.0': [] };
  const source = {
    machines,
    devices: { nic: { has: { speed: 1, old: 0 } }, wifi: { has: { speed: 1 } }, gone: {} },
  };
  const destination = { machines, devices: { nic: { has: { speed: 2 } }, wifi: { has: { speed: 2 } } } };
  const of = (...devices: { type: string; has?: Record<string, Scalar> }[]) =>
    found(source, destination, { use: use(devices) });
  assert.deepEqual(of(), []);
  assert.deepEqual(of({ type: 'nic', has: { speed: 1, old: 0 } }), [
    'unproven property-default nic.speed 1>2 pc-1.0',
  ]);
  assert.deepEqual(of({ type: 'nic', has: { speed: 2, old: 0 } }), []);
  assert.deepEqual(of({ type: 'nic', has: { speed: 3, old: 0 } }), [
    'unproven property-default nic.speed 3>2 pc-1.0',
  ]);
  assert.deepEqual(of({ type: 'nic', has: { speed: 2, old: 7 } }), [
    'unproven property-missing nic.old pc-1.0',
  ]);
  assert.deepEqual(of({ type: 'gone' }), ['no device-missing gone pc-1.0']);
});

test('queues: larger ones than the destination takes are a no, smaller ones a note', () => {
  const machines = { 'pc-1.0': [] };
  const devices = {
    rng: { from: 'virtio-device' },
    blk: { from: 'virtio-device', has: { 'queue-size': 256 } },
    nic: { has: {} },
  };
  const [large, asked] = [
    { machines, devices, queues: 'largest' as const },
    { machines, devices },
  ];
  assert.deepEqual(found(large, asked), [
    'if no queue-size virtio-device.queue-size 1024>what the device asks for pc-1.0',
  ]);
  const notes = compareQemus(qemu(asked), qemu(large)).reasons.map(({ code, answer }) => [code, answer]);
  assert.deepEqual(notes, [['queue-size-back', 'yes']]);
  const used = (...given: { type: string; has?: Record<string, Scalar> }[]) =>
    found(large, asked, { use: use(given) }).length;
  assert.equal(used({ type: 'rng' }), 1);
  assert.equal(used({ type: 'blk', has: { 'queue-size': 256 } }), 1);
  assert.equal(used({ type: 'blk', has: { 'queue-size': 1024 } }), 0);
  assert.equal(
    used({ type: 'blk', has: { 'queue-size': 1024 } }, { type: 'blk', has: { 'queue-size': 128 } }),
    1,
  );
  assert.equal(used({ type: 'nic' }), 0);
});

test('machine types: missing, aliased, at the end of their life', () => {
  const source = {
    version: '9.1.0',
    machines: { 'pc-9.1': [], 'pc-5.0': [], 'pc-3.0': [], isapc: [], none: [] },
    aliases: { 'pc-9.1': 'pc' },
  };
  const destination = {
    version: '10.2.0',
    machines: { 'pc-10.2': [], 'pc-9.1': [], 'pc-5.0': [], isapc: [] },
    aliases: { 'pc-10.2': 'pc' },
    deprecated: ['pc-5.0'],
  };
  const { answer, machines, reasons } = compareQemus(qemu(source), qemu(destination));
  assert.equal(answer, 'no');
  assert.deepEqual(
    machines.map((one) => `${one.machine} ${one.answer}`),
    ['isapc yes', 'pc-9.1 yes', 'pc-5.0 yes', 'pc-3.0 no'],
  );
  assert.deepEqual(
    reasons.map(({ code, message }) => `${code}: ${message}`),
    [
      'machine-missing: QEMU 10.2.0 has no pc-3.0, which left QEMU in release 10.1 (August 2025)',
      'machine-alias: pc is pc-9.1 at the source and pc-10.2 at the destination',
      'machine-end: pc-5.0 is deprecated since QEMU 8.0 (April 2023) and leaves in release 11.0 (April 2026)',
      'machine-unversioned: isapc has no versions: QEMU does not keep it the same from release to release',
    ],
  );
  const alias = compareQemus(qemu(source), qemu(destination), { machines: ['pc'] });
  assert.deepEqual(alias.machines, [{ machine: 'pc-9.1', answer: 'yes' }]);
  assert.throws(() => compareQemus(qemu(source), qemu(destination), { machines: ['pc-7.7'] }), {
    code: 'ERR_QEMU_MACHINE',
  });
});

test('a machine type is deprecated after three years and leaves after six', () => {
  const end = (machine: string) => {
    const found = endOfLife(machine);
    return found && [formatRelease(found.deprecated), formatRelease(found.leaves)];
  };
  assert.deepEqual(end('pc-q35-7.2'), ['10.2 (December 2025)', '13.2 (December 2028)']);
  assert.deepEqual(end('pc-i440fx-4.1'), ['7.1 (August 2022)', '10.1 (August 2025)']);
  assert.deepEqual(end('pc-i440fx-2.12'), ['6.0 (April 2021)', '10.1 (August 2025)']);
  assert.equal(end('microvm'), undefined);
});

test('another architecture, and a QEMU that does not tell what its machine types set', () => {
  const machines = { 'pc-1.0': [] };
  const arm: QemuDescription = { ...qemu({ machines }), target: 'aarch64' };
  const { answer, reasons } = compareQemus(qemu({ machines }), arm);
  assert.deepEqual([answer, reasons.map(({ code }) => code)], ['no', ['target']]);
  const old: QemuDescription = { ...qemu({ machines }), tellsCompat: false };
  const untold = compareQemus(old, qemu({ machines }));
  assert.deepEqual([untold.answer, untold.reasons.map(({ code }) => code)], ['unproven', ['compat-unknown']]);
});

test('a machine type that could not be looked at is unproven, unless a VM shows what it has', () => {
  const machines = { 'pc-1.0': [], 'strange-1.0': [] };
  const source: QemuDescription = { ...qemu({ machines }), builtIn: new Map([['pc', { types: new Set() }]]) };
  const { answer, reasons } = compareQemus(source, qemu({ machines }));
  assert.deepEqual(
    [answer, reasons.map((reason) => [reason.code, ...reason.machines])],
    ['unproven', [['machine-unseen', 'strange-1.0']]],
  );
  assert.equal(compareQemus(source, qemu({ machines }), { use: use([], 'strange-1.0') }).answer, 'yes');
});

test('CPU models: missing, another version under one name, those of the host, features', () => {
  const machines = { 'pc-1.0': [] };
  const model = (name: string, change: object = {}) => ({
    name,
    type: `${name}-cpu`,
    aliasOf: undefined,
    deprecated: false,
    migrationSafe: true,
    unavailable: [],
    ...change,
  });
  const having = (...models: ReturnType<typeof model>[]): QemuDescription => ({
    ...qemu({ machines }),
    cpus: new Map(models.map((one) => [one.name, one])),
  });
  const { answer, reasons } = compareQemus(
    having(
      model('a'),
      model('b', { aliasOf: 'b-v1' }),
      model('host', { migrationSafe: false }),
      model('c'),
      model('d'),
    ),
    having(
      model('b', { aliasOf: 'b-v2' }),
      model('host', { migrationSafe: false }),
      model('c', { unavailable: ['x'] }),
      model('d', { deprecated: true }),
    ),
  );
  assert.equal(answer, 'yes');
  assert.deepEqual(
    reasons.map((reason) => `${reason.answer} ${reason.code} ${reason.parameter}`),
    [
      'no cpu-missing a',
      'unproven cpu-alias b',
      'unproven cpu-host host',
      'unproven cpu-features c',
      'yes cpu-deprecated d',
    ],
  );
  assert.ok(reasons.every(({ ifUsed }) => ifUsed));
});

test('the answer for a VM with certain devices, from a comparison without one', () => {
  const machines = { 'pc-1.0': [], 'pc-2.0': [] };
  const devices = {
    nic: { from: 'net', has: { speed: 1 } },
    wifi: { from: 'net', has: { speed: 1 } },
    gone: {},
  };
  const [here, there] = [
    qemu({ machines, devices }),
    qemu({
      machines: { ...machines, 'pc-2.0': ['net.speed=1'] },
      devices: { nic: { from: 'net', has: { speed: 2 } }, wifi: { from: 'net', has: { speed: 2 } } },
    }),
  ];
  const comparison = compareQemus(here, there);
  assert.equal(answerWith(comparison, 'pc-1.0', [], here), 'yes');
  assert.equal(answerWith(comparison, 'pc-1.0', ['nic'], here), 'unproven');
  assert.equal(answerWith(comparison, 'pc-2.0', ['nic'], here), 'yes');
  assert.equal(answerWith(comparison, 'pc-2.0', ['nic', 'gone'], here), 'no');
});

const names = {
  machine: ['pc-1.0', 'pc-2.0', 'microvm'],
  device: ['a', 'b', 'c'],
  property: ['x', 'y', 'z'],
} as const;
const value = fc.oneof(fc.boolean(), fc.nat(3), fc.constantFrom('auto', ''));
const world: fc.Arbitrary<World> = fc.record({
  machines: fc.dictionary(
    fc.constantFrom(...names.machine),
    fc.array(
      fc
        .tuple(
          fc.constantFrom(...names.device, 'base'),
          fc.constantFrom(...names.property),
          fc.constantFrom('on', 'off', '1', 'auto'),
        )
        .map(([type, property, text]) => `${type}.${property}=${text}`),
      { maxLength: 5 },
    ),
  ),
  devices: fc.dictionary(
    fc.constantFrom(...names.device),
    fc.record({
      from: fc.constant('base'),
      has: fc.dictionary(fc.constantFrom(...names.property), value),
    }),
  ),
  queues: fc.constantFrom('as-asked' as const, 'largest' as const),
});

test('whatever two QEMUs say: one is like itself, and what differs differs both ways', () => {
  fc.assert(
    fc.property(world, world, (one, other) => {
      assert.deepEqual(found(one, one), []);
      const [there, back] = [compareQemus(qemu(one), qemu(other)), compareQemus(qemu(other), qemu(one))];
      const differing = (reasons: typeof there.reasons, turned: boolean) =>
        reasons
          .filter(({ code }) => code === 'property-default')
          .flatMap(({ machines, parameter, have, want }) =>
            machines.map((machine) =>
              [machine, parameter, ...(turned ? [want, have] : [have, want])].join(' '),
            ),
          )
          .sort();
      assert.deepEqual(differing(there.reasons, false), differing(back.reasons, true));
      for (const { machine, answer } of there.machines)
        assert.equal(answer, answerWith(there, machine, [], qemu(one)));
    }),
  );
});
