/** What people read of two QEMUs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type QemuDocument, renderQemu } from '../../../src/cli/compat/qemu-report.ts';
import type { QemuReason } from '../../../src/qemu-compat/index.ts';
import { compat } from './support.ts';

const VERSIONS = ['10.0', '9.2', '9.1', '9.0', '8.2', '8.1', '8.0', '2.4'];

function gone(version: string): QemuReason {
  const machine = `pc-q35-${version}`;
  return {
    code: 'machine-missing',
    answer: 'no',
    parameter: machine,
    message: `QEMU 11.1.3 has no ${machine}`,
    remedy: 'Choose a QEMU that has it',
    ifUsed: false,
    machines: [machine],
  };
}

function missing(device: string): QemuReason {
  return {
    code: 'device-missing',
    answer: 'no',
    device,
    message: `QEMU 11.1.3 has no device ${device}`,
    ifUsed: true,
    machines: ['pc-q35-10.0'],
  };
}

const NOTE: QemuReason = {
  code: 'vmstate-field-condition',
  answer: 'yes',
  message: 'A condition decides',
  ifUsed: true,
  machines: ['pc-q35-10.0'],
};

const DOCUMENT: QemuDocument = {
  answer: 'no',
  source: { path: '/usr/bin/a', version: '10.0.13', package: 'Debian' },
  destination: { path: '/usr/bin/b', version: '11.1.3', package: 'Debian' },
  machines: VERSIONS.map((version) => ({
    machine: `pc-q35-${version}`,
    answer: version === '2.4' ? 'no' : version === '8.0' ? 'unproven' : 'yes',
  })),
  reasons: [gone('2.4'), ...Array.from({ length: 9 }, (_, at) => missing(`device-${at}`)), NOTE],
  vm: null,
};

test('machine types by their answers, reasons of one kind in one line, notes when all is asked for', () => {
  assert.equal(
    renderQemu(DOCUMENT, { all: false }),
    `no: 6 of 8 machine types can move from QEMU 10.0.13 to QEMU 11.1.3
  yes       6: pc-q35-10.0 … pc-q35-8.1
  no        1: pc-q35-2.4
  unproven  1: pc-q35-8.0

What counts for them:
  no        QEMU 11.1.3 has no pc-q35-2.4 → Choose a QEMU that has it

What counts only for VMs with such a device or CPU:
  no        QEMU 11.1.3 has no device device-0; likewise device-1, device-2, device-3, device-4, device-5, device-6 and 2 more
`,
  );
  const all = renderQemu(DOCUMENT, { all: true });
  assert.match(all, /\n {2}yes {7}pc-q35-9\.2\n/);
  assert.match(all, /\n {2}no {8}QEMU 11\.1\.3 has no device device-8 \(pc-q35-10\.0\)\n/);
  assert.match(all, /\n {2}note {6}A condition decides \(pc-q35-10\.0\)\n/);
});

test('one VM: its name, what migrate would check, and what counts for it', () => {
  const finding = {
    id: 'blockers',
    verdict: 'refuse',
    found: 'vfio',
    expected: 'none',
    remedy: 'Unplug it',
  } as const;
  const [machine] = DOCUMENT.machines;
  const told = renderQemu(
    {
      ...DOCUMENT,
      machines: machine === undefined ? [] : [machine],
      reasons: [{ ...missing('vfio-pci'), ifUsed: false }],
      vm: {
        monitor: '/run/vm.qmp',
        name: 'web-1',
        uuid: '0',
        machine: 'pc-q35-10.0',
        cpus: [],
        devices: ['vfio-pci'],
        findings: [finding, { id: 'jobs', verdict: 'ok', found: 'None', expected: 'none' }],
      },
    },
    { all: false },
  );
  assert.equal(
    told,
    `no: web-1 (pc-q35-10.0) cannot move from QEMU 10.0.13 to QEMU 11.1.3
  NO   blockers: vfio
       expected none
       Unplug it
  no        QEMU 11.1.3 has no device vfio-pci
`,
  );
});

for (const [words, message] of [
  [['10.0'], /missing required argument 'destination'/],
  [['a', 'b', 'c'], /too many arguments: 'c'/],
  [['11.1', '--vm', '/x', '--machine', 'q35'], /'--machine' does not go with '--vm'/],
] as const)
  test(`wrong usage: ferry compat qemu ${words.join(' ')}`, async () => {
    const { status, stderr } = await compat('qemu', ...words);
    assert.equal(status, 2);
    assert.match(stderr, message);
  });

test('a QEMU or a monitor that is not there is no answer', async () => {
  for (const words of [
    ['10.0', '/nowhere/qemu-system-x86_64'],
    ['/bin/false', '--vm', '/nowhere/vm.qmp'],
  ]) {
    const { status, stdout, stderr } = await compat('qemu', ...words);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^ferry compat qemu: .* \(ERR_[A-Z_]+\)\n$/);
  }
});
