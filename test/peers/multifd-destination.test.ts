/** Packets that Ferry writes, read by real QEMUs: a machine without a processor, which only has memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  Channels,
  connect,
  encodeHello,
  openChannel,
  parseEndpoint,
} from '../../src/engine/channels/index.ts';
import type { MethodName } from '../../src/engine/methods/index.ts';
import {
  DEVICE_HEADER,
  DeviceStateHeader,
  noneKind,
  PayloadFlag,
  RamPass,
  ramKind,
} from '../../src/engine/payloads/index.ts';
import { choosePeer, launchProcess, waitForSocket } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import { mapAnonymous } from '../../src/sys/index.ts';
import { testPeers } from '../guest/index.ts';
import { GOLDEN_MEMORY, Golden, goldenMemory, goldenVersions } from '../support/engine/golden.ts';
import { KeptPackets } from '../support/engine/packets.ts';

const uuid = new Uint8Array(16);
/** Long enough for a machine with other things to do. */
const WITHIN = { deadline: 20_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-multifd-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A QEMU that waits for a migration at `in` below the folder; its memory is the file `memory` there. */
async function startDestination(version: string, channels: number, method: MethodName) {
  await using stack = new AsyncDisposableStack();
  const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
  const memory = join(folder, 'memory');
  await writeFile(memory, '');
  await truncate(memory, GOLDEN_MEMORY);
  const process = await launchProcess({
    name: `QEMU ${version}`,
    command: [
      ...qemu.command,
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-accel', 'tcg'],
      ...['-machine', 'none,memory-backend=ram', '-m', `${GOLDEN_MEMORY}B`, '-incoming', 'defer'],
      ...['-object', `memory-backend-file,id=ram,size=${GOLDEN_MEMORY}B,share=on,mem-path=${memory}`],
      ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
    ],
    env: qemu.env,
  });
  stack.use(process);
  await waitForSocket(`${folder}/qmp`, { child: process });
  const qmp = stack.use(await QmpClient.connect(`${folder}/qmp`));
  await qmp.execute('migrate-set-capabilities', {
    capabilities: (['events', 'multifd'] as const).map((capability) => ({ capability, state: true })),
  });
  await qmp.execute('migrate-set-parameters', {
    'multifd-channels': channels,
    'multifd-compression': method,
  });
  await qmp.execute('migrate-incoming', { uri: `unix:${folder}/in`, 'exit-on-error': false });
  const owned = stack.move();
  return { qmp, memory, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function connected(path: string): Promise<Socket> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  return socket;
}

/** Each version with two methods, each method over one channel or several. */
const ROWS = {
  '10.0': [
    ['none', 3],
    ['zstd', 2],
  ],
  '11.1': [
    ['none', 1],
    ['zlib', 3],
  ],
} as const;

for (const version of goldenVersions)
  describe(`QEMU ${version}`, () => {
    for (const [method, count] of ROWS[version])
      test(`receives RAM by ${method} over ${count} channels, and has it as it was sent`, async () => {
        await using destination = await startDestination(version, count, method);
        using events = destination.qmp.events(['MIGRATION']);
        using mapping = mapAnonymous(GOLDEN_MEMORY, 'sent');
        mapping.bytes.set(goldenMemory());
        const block = { name: 'ram', address: mapping.address, length: GOLDEN_MEMORY };
        const pass = new RamPass([block], { channels: count, method });

        // The main stream says where barriers are, nothing of what pages hold
        await using main = await connected(`${folder}/in`);
        const golden = new Golden(version);
        main.write(golden.stream(golden.manifest.captures[0]!, 'main'));
        const endpoint = parseEndpoint(`unix:${folder}/in`);
        const connections = await Promise.all(
          Array.from({ length: count }, async (_, id) => {
            const connection = await connect(endpoint, id, WITHIN);
            await openChannel(connection, { id, channels: count, uuid, extended: false }, WITHIN);
            return connection;
          }),
        );
        await using channels = await Channels.start({
          direction: 'send',
          connections,
          kinds: [ramKind(pass), noneKind(pass.layout.pageSize, pass.packetNumbers)],
          extended: false,
          checksum: false,
        });
        await channels.barrierWritten(channels.postBarrier(), WITHIN);
        pass.addAll();
        pass.open();
        await channels.barrierWritten(channels.postBarrier(), WITHIN);
        await channels.barrierWritten(channels.postBarrier(), WITHIN);
        await channels.finish(WITHIN);
        main.end();

        let status = '';
        for await (const { data } of events) {
          status = data.status;
          if (status === 'completed' || status === 'failed') break;
        }
        const { 'error-desc': why } = await destination.qmp.execute('query-migrate');
        assert.deepEqual({ status, why }, { status: 'completed', why: undefined });
        assert.ok(goldenMemory().equals(await readFile(destination.memory)));
        const { normal, zero } = pass.counters();
        assert.equal(normal + zero, GOLDEN_MEMORY / 4096);
      });

    test('reads the device and the instance out of a device-state packet, and says that it has no such device', async () => {
      await using destination = await startDestination(version, 1, 'none');
      using packets = new KeptPackets();
      const header = new DeviceStateHeader([{ idstr: '0000:00:04.0/vfio', instance: 7 }]);
      header.length = 100;
      header.encode(packets.header.bytes);
      packets.add(packets.staging, 0, header.length);
      packets.send(PayloadFlag.deviceState, DEVICE_HEADER);
      await using main = await connected(`${folder}/in`);
      await using channel = await connected(`${folder}/in`);
      const closed = once(channel.resume(), 'close');
      main.write(Buffer.from('5145564d00000003', 'hex'));
      channel.write(encodeHello({ uuid, id: 0 }));
      channel.write(packets.packets[0]!);
      await closed;
      const { 'error-desc': why } = await destination.qmp.execute('query-migrate');
      assert.match(why ?? '', /0000:00:04\.0\/vfio.* 7 /);
    });
  });
