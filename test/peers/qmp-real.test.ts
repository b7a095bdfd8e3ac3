/** The monitor client with real QEMUs: schema, descriptors, events, out-of-band, TCP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePeer } from '../../src/launch/index.ts';
import { type Commands, QmpClient, QmpCommandError } from '../../src/qmp/index.ts';
import { createMemfd, type Fd } from '../../src/sys/index.ts';
import { testPeers } from '../guest/index.ts';
import { type PlainVm, type VmOptions, Yard } from './plain-vm.ts';

const TCP_PORT = 40_000 + (process.pid % 20_000);

async function withVm(
  version: string,
  use: (vm: PlainVm) => Promise<void>,
  options: VmOptions = {},
): Promise<void> {
  await using yard = await Yard.open();
  await use(
    await yard.start('vm', choosePeer(await testPeers(), 'qemu-system-x86_64', { version }), options),
  );
}

const QUERIES = [
  'query-status',
  'query-name',
  'query-uuid',
  'query-version',
  'query-target',
  'query-machines',
  'query-migrate',
  'query-migrate-capabilities',
  'query-migrate-parameters',
  'query-memdev',
  'query-memory-size-summary',
  'query-cpus-fast',
  'query-pci',
  'query-chardev',
  'query-jobs',
  'query-named-block-nodes',
  'query-yank',
  'query-fdsets',
] as const satisfies (keyof Commands)[];

for (const version of ['10.0', '11.1']) {
  test(`QEMU ${version}: every query's answer is what the generated types say`, () =>
    withVm(version, async (vm) => {
      await using client = await QmpClient.connect(vm.qmp);
      assert.ok(client.greeting.capabilities.includes('oob'));
      assert.equal(client.peer?.pid, vm.process.pid);
      const answers = await Promise.all(QUERIES.map((query) => client.execute(query)));
      assert.equal(answers.length, QUERIES.length);
      const version = await client.execute('query-version');
      assert.equal(version.qemu.major, client.greeting.version.qemu.major);
      assert.ok((await client.execute('query-pci'))[0]!.devices.length > 0);
    }));

  test(`QEMU ${version}: descriptors arrive, many at a time and each with its own command`, () =>
    withVm(version, async (vm) => {
      await using client = await QmpClient.connect(vm.qmp);
      const files: Fd[] = Array.from({ length: 8 }, (_, index) =>
        createMemfd(`memfd ${index}`, 4096 * (index + 1)),
      );
      try {
        const added = await Promise.all([
          ...files.map((fd, index) =>
            client.execute('add-fd', { 'fdset-id': index, opaque: `file ${index}` }, { fds: [fd] }),
          ),
          client.execute('query-status'),
        ]);
        assert.equal(added.length, 9);
        const sets = await client.execute('query-fdsets');
        assert.deepEqual(
          sets.map((set) => [set['fdset-id'], set.fds.length, set.fds[0]?.opaque]).toSorted(),
          files.map((_, index) => [index, 1, `file ${index}`]),
        );
        await client.execute('getfd', { fdname: 'stream' }, { fds: [files[0]!] });
        await client.execute('closefd', { fdname: 'stream' });
        await assert.rejects(client.execute('closefd', { fdname: 'stream' }), QmpCommandError);
        await assert.rejects(client.execute('getfd', { fdname: 'none' }), QmpCommandError);
      } finally {
        for (const fd of files) fd[Symbol.dispose]();
      }
    }));

  test(`QEMU ${version}: events, and commands out of band`, () =>
    withVm(version, async (vm) => {
      await using client = await QmpClient.connect(vm.qmp);
      using events = client.events(['STOP', 'RESUME']);
      await client.execute('stop');
      await client.execute('cont');
      const names = [(await events.next()).value?.name, (await events.next()).value?.name];
      assert.deepEqual(names, ['STOP', 'RESUME']);
      await assert.rejects(
        client.executeOutOfBand('yank', { instances: [{ type: 'migration' }] }),
        /QEMU refused yank: Instance not found/,
      );
      await client.execute('quit');
      await client.closed;
      await vm.ended;
    }));
}

test('a monitor on a TCP port of this host', () =>
  withVm(
    '11.1',
    async () => {
      await using client = await QmpClient.connect(`tcp:127.0.0.1:${TCP_PORT}`);
      assert.equal((await client.execute('query-status')).status, 'running');
      assert.equal(client.peer, undefined);
      using fd = createMemfd('memfd', 4096);
      await assert.rejects(client.execute('getfd', { fdname: 'x' }, { fds: [fd] }), /not on a unix socket/);
      assert.equal((await client.execute('query-status')).status, 'running');
    },
    { args: ['-qmp', `tcp:127.0.0.1:${TCP_PORT},server=on,wait=off`] },
  ));

test('a monitor that serves somebody else is told apart from one that is not there', () =>
  withVm('10.0', async (vm) => {
    await using first = await QmpClient.connect(vm.qmp);
    await assert.rejects(
      QmpClient.connect(vm.qmp, { limits: { connectMs: 200 } }),
      /sent no greeting within 200 ms: .* another client holds this monitor/,
    );
    assert.equal((await first.execute('query-status')).status, 'running');
  }));

test('a QEMU that is stopped by a signal: the command ends at its deadline, and is answered late', () =>
  withVm('10.0', async (vm) => {
    await using client = await QmpClient.connect(vm.qmp);
    vm.signal('SIGSTOP');
    await assert.rejects(client.execute('query-status', {}, { deadlineMs: 100 }), {
      code: 'ERR_QMP_DEADLINE',
    });
    vm.signal('SIGCONT');
    assert.equal((await client.execute('query-status')).status, 'running');
  }));
