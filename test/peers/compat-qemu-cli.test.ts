/** `ferry compat qemu` between the QEMUs that there are, and for a VM that runs. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { choosePeer, launchVm } from '../../src/launch/index.ts';
import { testPeers } from '../guest/index.ts';
import { compat, Folder, json } from '../unit/compat-cli/support.ts';

it('two QEMUs, named by their versions: yes for a machine type that both have, no for one that has gone', async () => {
  await testPeers();
  const both = await json('qemu', '10.0', '11.1', '--machine', 'pc-q35-10.0', '--machine', 'pc-q35-2.4');
  assert.deepEqual(
    both.machines.map(({ machine, answer }) => [machine, answer]),
    [
      ['pc-q35-10.0', 'yes'],
      ['pc-q35-2.4', 'no'],
    ],
  );
  assert.match(both.source.version, /^10\.0\./);
});

it('a VM that runs: its QEMU is found by its monitor, and only what it uses counts', async () => {
  const peers = await testPeers();
  using folder = new Folder();
  const qemu = choosePeer(peers, 'qemu-system-x86_64', { version: '10.0' });
  const machine = { memory: 64, further: ['-device', 'virtio-rng-pci', '-name', 'told'] };
  await using vm = await launchVm({ qemu, machine, folder: folder.path, name: 'vm' });
  const document = await json('qemu', '11.1', '--vm', vm.qmp);
  assert.equal(document.answer, 'no');
  assert.equal(document.vm?.name, 'told');
  assert.ok(document.vm.devices.includes('virtio-rng-pci'));
  assert.ok(document.reasons.every(({ ifUsed }) => !ifUsed));
  assert.ok(document.reasons.some(({ code, answer }) => code === 'queue-size' && answer === 'no'));
  const { status, stdout } = await compat('qemu', '10.0', '10.0', '--vm', vm.qmp);
  assert.equal(status, 0);
  assert.match(stdout, /^yes: told \(pc-q35-10\.0\) can move from QEMU 10\.0\.\d+ to QEMU 10\.0\.\d+\n/);
});
