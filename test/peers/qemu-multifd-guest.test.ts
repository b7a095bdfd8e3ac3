/** A real guest under QEMU sends its RAM to Ferry, and what Ferry has is what the guest says its memory holds. */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { choosePeer } from '../../src/launch/index.ts';
import { QemuReceiver } from '../../src/machine/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import { bootGuest, currentMachine, testPeers } from '../guest/index.ts';
import { migrateTo, prepare, type Sending } from './multifd-source.ts';

const PAGE = 4096;
const FILE = 24 << 20;
const SEED = 77;
const WRITER = 2;
const { O_CREAT, O_RDWR } = constants;

/** The first eight bytes of each page of a file that the agent filled, and which page that is. */
function beginnings(): Map<bigint, number> {
  const mask = (1n << 64n) - 1n;
  return new Map(
    Array.from({ length: FILE / PAGE }, (_, page) => {
      const word = (BigInt(SEED) * 0xd1342543de82ef95n + BigInt(page * 512) * 0x9e3779b97f4a7c15n) & mask;
      return [word ^ (word >> 29n), page];
    }),
  );
}

/** Put the file together from the pages of `ram`, wherever the guest has them. */
function gather(ram: Uint8Array<ArrayBuffer>): Buffer {
  const wanted = beginnings();
  const words = new BigUint64Array(ram.buffer, ram.byteOffset, ram.length / 8);
  const file = Buffer.alloc(FILE);
  const found = new Set<number>();
  for (let at = 0; at < ram.length; at += PAGE) {
    const page = wanted.get(words[at / 8]!);
    if (page === undefined) continue;
    file.set(ram.subarray(at, at + PAGE), page * PAGE);
    found.add(page);
  }
  assert.equal(found.size, FILE / PAGE, 'pages of the file are not in the RAM that arrived');
  return file;
}

/** The memory of a QEMU, which it has in a memfd. */
async function memoryOf(pid: number): Promise<Buffer> {
  const folder = `/proc/${pid}/fd`;
  for (const number of await readdir(folder)) {
    const path = join(folder, number);
    if ((await readlink(path)).includes('memfd:memory-backend-memfd')) return await readFile(path);
  }
  throw new Error('QEMU has no memfd');
}

const CASES: readonly { version: string; sending: Sending; endpoint: string }[] = [
  { version: '10.0', sending: { channels: 2, method: 'none' }, endpoint: 'tcp:127.0.0.1:0' },
  { version: '11.1', sending: { channels: 4, method: 'zstd' }, endpoint: 'tcp:[::1]:0' },
];

for (const { version, sending, endpoint } of CASES)
  test(`the RAM of a guest under QEMU ${version} arrives as the guest itself says it is`, async (t) => {
    const qemu = choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
    await using guest = await bootGuest({ qemu, memory: 128, test: t });
    const { agent } = guest;
    await agent.call('open', [1, '/filled', O_CREAT | O_RDWR, 0o600]);
    await agent.call('fill', [1, 0, FILE, SEED]);
    const { length, crc32: said } = await agent.call('checksum', [1, 0, FILE]);
    assert.equal(length, FILE);
    // It goes on writing elsewhere while its memory is sent
    const writing = agent.call('dirtyram', [2 << 20, 2000], { actor: WRITER });
    const machine = currentMachine(guest);
    await using client = await QmpClient.connect(machine.qmp);
    await using receiver = await QemuReceiver.listen({ endpoint, ...sending });
    await prepare(client, { ...sending, bandwidth: 100 << 20, downtime: 100 });
    const [received, end] = await Promise.all([
      receiver.receive({ deadline: 60_000 }),
      migrateTo(client, receiver.uri),
    ]);
    using arrived = received;
    assert.equal(end.status, 'completed', end.why);
    const ram = arrived.memory.bytes('ram');
    assert.ok((await memoryOf(machine.process.pid)).equals(ram), 'RAM differs from what QEMU has');
    assert.equal(crc32(gather(ram)), said, 'the file in the RAM is not what the guest read');
    assert.ok(arrived.barriers >= 3, 'it was sent in one pass');
    t.diagnostic(
      `${arrived.bytes} bytes in ${Math.round(arrived.milliseconds)} ms, ${arrived.barriers} barriers, ${JSON.stringify(arrived.pages)}`,
    );
    await client.execute('cont');
    await agent.interrupt(WRITER);
    await writing;
    assert.equal((await agent.call('check', [1, 0, FILE, SEED])).verdict, 'same');
  });
