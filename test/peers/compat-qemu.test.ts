/** What is said of two real QEMUs without a guest, held against what happens when guests are moved between them. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { asError } from '../../src/errors.ts';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import { migrate, previewMove } from '../../src/migrate/index.ts';
import { Defaults, sameValue } from '../../src/qemu-compat/defaults.ts';
import {
  type CompareQemusOptions,
  compareQemus,
  type DeviceType,
  describeQemu,
  gatherUse,
  type QemuDescription,
  QemuDescriptions,
  type QemuReason,
  type Scalar,
  type VmUse,
} from '../../src/qemu-compat/index.ts';
import { QmpClient, QmpCommandError } from '../../src/qmp/index.ts';
import { bootGuest, currentMachine, startDestination, testPeers } from '../guest/index.ts';
import { DEVICE_SETS, EVERY_SET, everyDevice, setsFor } from './device-sets.ts';
import { Firmware, moveFirmware, type Outcome, type Setup, yard } from './qemu-trip.ts';

const full = process.env.FERRY_TEST_FULL === '1';

interface Qemu {
  readonly peer: Peer;
  readonly description: QemuDescription;
}

const qemus = new Map<string, Qemu>();
const DIRECTIONS = [
  ['10.0', '11.1'],
  ['11.1', '10.0'],
] as const;

before(async () => {
  const peers = await testPeers();
  await Promise.all(
    ['10.0', '11.1'].map(async (version) => {
      const peer = choosePeer(peers, 'qemu-system-x86_64', { version });
      qemus.set(version, { peer, description: await describeQemu(peer) });
    }),
  );
});

const qemu = (version: string): Qemu => qemus.get(version)!;
const signal = new AbortController().signal;

/** One trip: what was said of it, and what came of it. */
interface Trip {
  readonly setup: Setup;
  readonly answer: 'yes' | 'no' | 'unproven';
  readonly reasons: readonly QemuReason[];
  readonly outcome: Outcome;
}

let trips = 0;

/** Undefined when the source does not take its arguments: there is no such guest. */
async function travel(folder: string, from: string, to: string, setup: Setup): Promise<Trip | undefined> {
  const name = `t${trips++}`;
  const [here, there] = [qemu(from), qemu(to)];
  const starting = [
    Firmware.start(folder, `${name}a`, here.peer, setup),
    Firmware.start(folder, `${name}b`, there.peer, setup, true),
  ] as const;
  const [source, destination] = await Promise.allSettled(starting);
  try {
    if (source.status === 'rejected') return undefined;
    const use = await gatherUse(source.value.client, here.description, there.description, { signal });
    const { answer, reasons } = compareQemus(here.description, there.description, { use });
    const outcome =
      destination.status === 'fulfilled'
        ? await moveFirmware(folder, name, source.value, destination.value)
        : { moved: false, words: asError(destination.reason).message };
    return { setup, answer, reasons, outcome };
  } finally {
    for (const side of [source, destination])
      if (side.status === 'fulfilled') await side.value[Symbol.asyncDispose]();
  }
}

/** Two at a time: there are two cores. */
async function travelAll(from: string, to: string, setups: readonly Setup[], some = false): Promise<Trip[]> {
  await using folder = await yard();
  const waiting = [...setups];
  const done: Trip[] = [];
  const lane = async () => {
    for (let setup = waiting.shift(); setup !== undefined; setup = waiting.shift()) {
      const trip = await travel(folder.path, from, to, setup);
      if (trip !== undefined) done.push(trip);
      else assert.ok(some, `QEMU ${from} does not start ${setup.machine} ${setup.args.join(' ')}`);
    }
  };
  await Promise.all([lane(), lane()]);
  return done;
}

/** Every yes moved, every no did not; what was unproven is counted. */
function assertTrue(t: TestContext, found: readonly Trip[]): void {
  const wrong = found.filter(
    ({ answer, outcome }) => answer !== 'unproven' && (answer === 'yes') !== outcome.moved,
  );
  const count = (answer: string) => found.filter((trip) => trip.answer === answer);
  const unproven = count('unproven');
  t.diagnostic(
    `${count('yes').length} yes, ${count('no').length} no, ${unproven.length} unproven, of which ${unproven.filter(({ outcome }) => outcome.moved).length} moved`,
  );
  assert.deepEqual(
    wrong.map(({ setup, answer, reasons, outcome }) => ({
      machine: setup.machine,
      devices: setup.args.join(' '),
      answer,
      reasons: reasons
        .filter((reason) => reason.answer !== 'yes')
        .map(({ code, parameter }) => `${code} ${parameter}`),
      outcome: outcome.words,
    })),
    [],
  );
}

function commonMachines(): string[] {
  const [a, b] = [qemu('10.0').description, qemu('11.1').description];
  return [...a.machines.keys()]
    .filter((name) => b.machines.has(name) && !['none', 'x-remote'].includes(name))
    .sort();
}

for (const [from, to] of DIRECTIONS)
  test(`QEMU ${from} to ${to}, every machine type that both have: what is said comes true`, async (t) => {
    const machines = commonMachines();
    assert.ok(machines.length >= 28, `${machines.length} machine types`);
    const setups = machines.flatMap((machine, index) =>
      (full ? EVERY_SET : setsFor(machine, index, from)).flatMap((set) => DEVICE_SETS[set].setup(machine)),
    );
    const found = await travelAll(from, to, setups);
    assertTrue(t, found);
    // Without all three kinds of answers nothing was tested
    const answers = new Set(found.map(({ answer }) => answer));
    assert.deepEqual([...answers].sort(), from === '10.0' ? ['no', 'unproven', 'yes'] : ['unproven', 'yes']);
  });

for (const [from, to] of DIRECTIONS)
  test(`QEMU ${from} to ${to}, ${full ? 'every device' : 'devices whose state differs'}: what is said comes true`, async (t) => {
    const setups = everyDevice(qemu(from).description, qemu(to).description, full);
    // Many devices cannot be added alone
    const found = await travelAll(from, to, setups, full);
    assertTrue(t, found);
    const failed = found.filter(({ outcome }) => !outcome.moved);
    assert.ok(failed.length >= 4, 'the devices that are known not to move');
  });

function compare(from: string, to: string, options: CompareQemusOptions = {}) {
  return compareQemus(qemu(from).description, qemu(to).description, options);
}

for (const [from, to, machine, why] of [
  ['11.1', '10.0', 'pc-q35-11.1', /came with QEMU 11\.1 \(August 2026\)/],
  ['10.0', '11.1', 'pc-q35-3.0', /left QEMU in release 10\.1/],
] as const)
  test(`${machine} from QEMU ${from} to ${to}: no, and QEMU does not start it`, async () => {
    const { answer, reasons } = compare(from, to, { machines: [machine] });
    assert.equal(answer, 'no');
    const reason = reasons.find(({ code }) => code === 'machine-missing');
    assert.match(reason?.message ?? '', why);
    await using folder = await yard();
    await assert.rejects(
      Firmware.start(folder.path, 'vm', qemu(to).peer, { machine, args: [] }),
      /unsupported machine type/,
    );
  });

for (const [from, to] of DIRECTIONS)
  test(`QEMU ${from} to ${to}: no false alarm about machine types with versions and what they bring along`, () => {
    const machines = commonMachines().filter((name) => name.startsWith('pc-'));
    assert.ok(machines.length >= 28, `${machines.length} machine types`);
    const comparison = compare(from, to, { machines });
    assert.deepEqual(
      comparison.machines.filter(({ answer }) => answer !== 'yes'),
      [],
      JSON.stringify(comparison.reasons.filter(({ answer, ifUsed }) => answer !== 'yes' && !ifUsed)),
    );
  });

test('every machine type of a QEMU can move to the same QEMU', () => {
  for (const version of ['10.0', '11.1']) {
    const { machines, reasons } = compare(version, version);
    assert.deepEqual(
      machines.filter(({ answer }) => answer !== 'yes').map(({ machine }) => machine),
      // It does not start without an image
      version === '10.0' ? [] : ['nitro'],
    );
    const codes = new Set<string>(
      reasons.filter(({ answer, ifUsed }) => answer !== 'yes' && ifUsed).map(({ code }) => code),
    );
    // 11.1.3 has one, of eMMC
    codes.delete('vmstate-subsection-twice');
    assert.deepEqual([...codes].sort(), ['cpu-host', 'device-broken', 'device-unmigratable']);
  }
});

for (const [from, to] of DIRECTIONS)
  test(`QEMU ${from} to ${to}: what is said of properties is so, and what is advised makes them alike`, async () => {
    const [here, there] = [qemu(from), qemu(to)];
    const disk = ['-blockdev', 'node-name=d0,driver=null-co,size=1048576,read-zeroes=on'];
    const devices = [
      '-device',
      'virtio-scsi-device',
      '-device',
      'scsi-hd,drive=d0',
      '-device',
      'virtio-net-device',
    ];
    const setup = { machine: 'microvm', args: ['-S', '-cpu', 'pentium3', ...disk, ...devices] };
    await using folder = await yard();
    await using source = await Firmware.start(folder.path, 'source', here.peer, setup);
    const use = await gatherUse(source.client, here.description, there.description, { signal });
    const reasons = compare(from, to, { use }).reasons.filter(({ code }) => code.startsWith('property-'));
    const advised = reasons.flatMap(({ remedy = '' }) => /-global \S+/.exec(remedy)?.[0].split(' ') ?? []);
    const values = async (args: readonly string[]) => {
      const machine = { ...setup, args: [...setup.args, ...args] };
      await using destination = await Firmware.start(folder.path, `d${args.length}`, there.peer, machine);
      return await Promise.all(reasons.map((reason) => valueOfReason(destination, use, reason)));
    };
    const known = reasons.filter(
      ({ code, remedy = '' }) => code === 'property-default' || remedy.startsWith('Start the destination'),
    );
    assert.ok(known.length >= 2, `${known.length} properties`);
    const [plain, advisedValues] = [await values([]), await values(from === '10.0' ? advised : [])];
    for (const [index, { parameter, have, want }] of reasons.entries()) {
      if (plain[index] === undefined) continue;
      assert.equal(plain[index], want, `${parameter} by default`);
      if (from === '10.0') assert.equal(advisedValues[index], have, `${parameter} as advised`);
    }
  });

/** What the destination has for the property that a reason is about, as the reason would tell it. */
async function valueOfReason(
  destination: Firmware,
  { devices }: VmUse,
  { device, parameter = '' }: QemuReason,
) {
  const path = devices.find(({ type }) => type === device)?.path;
  if (path === undefined) return undefined;
  const property = parameter.slice(parameter.indexOf('.') + 1);
  try {
    const value = await destination.client.execute('qom-get', { path, property });
    return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
  } catch (error) {
    // The other side alone knows it
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}

/** Devices that show what machine types set: what they have must be what was worked out. */
const SAMPLES = [
  'e1000',
  'virtio-net-pci',
  'virtio-scsi-pci',
  'ICH9-LPC',
  'virtio-balloon-pci',
  'usb-tablet',
  'nvme',
  'virtio-gpu-pci',
  'pcie-root-port',
  'hda-duplex',
];

/** QEMU works these out when the device is made. */
const WORKED_OUT =
  /^(addr|cad|msi|rombar|romsize|vectors|num_queues|num-queues|disable-legacy|acpi-index|x-pci.*-id|guest-stats.*|cmd_per_lun|bus|page-sampling|chassis|slot|mac|audiodev|serial|class|multifunction|bootindex|power_controller_present|physical_block_size|logical_block_size|discard_granularity|min_io_size|opt_io_size|cap_list|cap_offset|stats-intervals|guest_announce|speed)$/;

for (const version of ['10.0', '11.1'])
  test(`QEMU ${version}: devices have by default what machine types are said to give them`, async () => {
    const { peer, description } = qemu(version);
    const defaults = new Defaults(description);
    await using folder = await yard();
    for (const machine of ['pc-q35-6.0', 'pc-q35-8.1', 'pc-q35-10.0']) {
      const args = [
        ...[
          '-netdev',
          'hubport,hubid=0,id=n0',
          '-audiodev',
          'none,id=a0',
          '-device',
          'qemu-xhci',
          '-device',
          'ich9-intel-hda',
        ],
        ...SAMPLES.filter((type) => type !== 'ICH9-LPC').flatMap((type) => [
          '-device',
          `${type}${extra(type)}`,
        ]),
      ];
      await using vm = await Firmware.start(folder.path, machine, peer, { machine, args });
      const use = await gatherUse(vm.client, description, description, { signal });
      const wrong: string[] = [];
      let compared = 0;
      for (const { type, path, added } of use.devices) {
        const device = description.devices.get(type);
        if (device === undefined || !added) continue;
        const overrides = defaults.overrides(description.machines.get(machine)!, device);
        for (const [property, value] of await everyProperty(vm, path, device)) {
          const expected = defaults.effective(device, overrides, property)?.value;
          if (expected === undefined || WORKED_OUT.test(property)) continue;
          compared++;
          if (!sameValue(value, expected))
            wrong.push(`${machine} ${type}.${property}: has ${value}, expected ${expected}`);
        }
      }
      assert.deepEqual(wrong, []);
      assert.ok(compared > 200, `${compared} properties`);
    }
  });

/** What a device has that nobody was asked for by name. */
async function everyProperty(vm: Firmware, path: string, device: DeviceType): Promise<[string, Scalar][]> {
  const asked = [...device.properties.keys()].map(async (property): Promise<[string, Scalar][]> => {
    try {
      const value = await vm.client.execute('qom-get', { path, property });
      return ['string', 'number', 'boolean'].includes(typeof value) ? [[property, value as Scalar]] : [];
    } catch (error) {
      // Some can be set alone
      if (error instanceof QmpCommandError) return [];
      throw error;
    }
  });
  return (await Promise.all(asked)).flat();
}

function extra(type: string): string {
  if (type === 'virtio-net-pci') return ',netdev=n0';
  if (type === 'nvme') return ',serial=1';
  return type === 'hda-duplex' ? ',audiodev=a0' : '';
}

test('a Linux guest: what its preview forbids fails, what its remedy allows moves there and back', async (t) => {
  const [old, young] = [qemu('10.0').peer, qemu('11.1').peer];
  const disk = ['-blockdev', 'node-name=d0,driver=null-co,size=1048576,read-zeroes=on'];
  const kept = [
    ...disk,
    ...['-device', 'virtio-blk-pci,drive=d0,id=disk,addr=8,queue-size=1024', '-device', 'e1000,addr=9'],
  ];
  let further = [...kept, '-device', 'virtio-rng-pci,id=rng,addr=7'];
  await using guest = await bootGuest({
    qemu: old,
    machine: 'pc-i440fx-8.2',
    further: () => further,
    test: t,
  });
  const descriptions = new QemuDescriptions();
  const here = currentMachine(guest);
  const before = await previewMove({ monitor: here.qmp, destination: young, descriptions });
  assert.equal(before.answer, 'no');
  const against = before.comparison.reasons.filter(({ answer }) => answer === 'no');
  assert.deepEqual(
    against.map(({ code, device }) => [code, device]),
    [['queue-size', 'virtio-rng-device']],
  );
  assert.deepEqual(
    before.findings.filter(({ verdict }) => verdict === 'refuse'),
    [],
  );
  const refusing = await startDestination(guest, { qemu: young });
  const refused = await migrate({ source: here.qmp, destination: refusing.qmp });
  assert.equal(refused.outcome, 'rolled-back', refused.why);
  await guest.agent.call('stat', ['/']);

  await using client = await QmpClient.connect(here.qmp);
  using events = client.events(['DEVICE_DELETED']);
  await client.execute('device_del', { id: 'rng' });
  for await (const { data } of events) if (data.device === 'rng') break;
  await client[Symbol.asyncDispose]();
  further = kept;

  for (const [from, to] of [
    [here, young],
    [undefined, old],
  ] as const) {
    const source = from ?? currentMachine(guest);
    const preview = await previewMove({ monitor: source.qmp, destination: to, descriptions });
    assert.equal(preview.answer, 'yes', JSON.stringify(preview.comparison.reasons));
    const destination = await startDestination(guest, { qemu: to });
    const verdict = await migrate({ source: source.qmp, destination: destination.qmp });
    assert.equal(verdict.outcome, 'moved', verdict.why);
    await guest.agent.call('stat', ['/']);
  }
});
