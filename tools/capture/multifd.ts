/**
 * Records what real QEMUs write to the main stream and to the channels of a migration: a machine without a processor whose
 * memory has known contents, over 1, 4 and 16 channels, with each method of compression; and a whole machine, stopped, over 4.
 * Writes `test/vectors/multifd/qemu-VERSION.zst`, all streams one after the other, and `qemu-VERSION.json`, which says where
 * each begins:
 *
 *     node --conditions=ferry-source tools/capture/multifd.ts [VERSION…]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, zstdCompressSync } from 'node:zlib';
import { choosePeer, findPeers, launchProcess, type Peer, waitForSocket } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import {
  GOLDEN_MEMORY,
  type GoldenCapture,
  type GoldenManifest,
  type GoldenStream,
  goldenMemory,
  goldenVersions,
} from '../../test/support/engine/golden.ts';

const folder = fileURLToPath(new URL('../../test/vectors/multifd', import.meta.url));
const CHANNEL_MAGIC = 0x1122_3344;
const CHANNEL_ID_AT = 24;

const plan = [
  ...[1, 4, 16].flatMap((channels) =>
    (['none', 'zlib', 'zstd'] as const).map((method) => ({ machine: 'none', method, channels }) as const),
  ),
  { machine: 'q35', method: 'none', channels: 4 } as const,
];

const versions = process.argv.length > 2 ? process.argv.slice(2) : goldenVersions;
const peers = await findPeers();
for (const version of versions) await record(choosePeer(peers, 'qemu-system-x86_64', { version }), version);

async function record(qemu: Peer, version: string): Promise<void> {
  const captures: GoldenCapture[] = [];
  const bytes: Buffer[] = [];
  let offset = 0;
  for (const one of plan) {
    const recorded = await migrate(qemu, one.machine, one.method, one.channels);
    const streams: GoldenStream[] = [];
    for (const [channel, stream] of recorded) {
      streams.push({ channel, offset, length: stream.length });
      bytes.push(stream);
      offset += stream.length;
    }
    const name = `${one.machine} ${one.method} ${one.channels}`;
    captures.push({ name, ...one, streams });
    console.log(version, name, streams.map(({ channel, length }) => `${channel}:${length}`).join(' '));
  }
  const manifest: GoldenManifest = { qemu: qemu.version, captures };
  await writeFile(join(folder, `qemu-${version}.json`), `${JSON.stringify(manifest)}\n`);
  const params = {
    [constants.ZSTD_c_compressionLevel]: 19,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    [constants.ZSTD_c_windowLog]: 27,
  };
  await writeFile(join(folder, `qemu-${version}.zst`), zstdCompressSync(Buffer.concat(bytes), { params }));
}

/** Migrate a machine that never ran, and return what was written to each connection: main first, then by channel. */
async function migrate(
  qemu: Peer,
  machine: GoldenCapture['machine'],
  method: GoldenCapture['method'],
  channels: number,
): Promise<['main' | number, Buffer][]> {
  const path = await mkdtemp(join(tmpdir(), 'ferry-capture-'));
  try {
    const memory = join(path, 'memory');
    await writeFile(memory, goldenMemory());
    await using process = await launchProcess({
      name: `QEMU ${qemu.version}`,
      command: [
        ...qemu.command,
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-accel', 'tcg'],
        ...['-machine', `${machine === 'q35' ? 'pc-q35-10.0' : 'none'},memory-backend=ram`],
        ...['-m', `${GOLDEN_MEMORY}B`],
        ...['-object', `memory-backend-file,id=ram,size=${GOLDEN_MEMORY}B,share=on,mem-path=${memory}`],
        ...['-qmp', `unix:${path}/qmp,server=on,wait=off`],
      ],
      env: qemu.env,
    });
    await waitForSocket(`${path}/qmp`, { child: process, deadline: 20_000 });
    await using recorder = await startRecorder(`${path}/in`);
    await using qmp = await QmpClient.connect(`${path}/qmp`);
    await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'multifd', state: true }] });
    await qmp.execute('migrate-set-parameters', {
      'multifd-channels': channels,
      'multifd-compression': method,
      'max-bandwidth': 0,
    });
    await qmp.execute('migrate', { uri: `unix:${path}/in` });
    const streams = await recorder.all(channels + 1);
    const { status } = await qmp.execute('query-migrate');
    if (status !== 'completed') throw new Error(`the migration is ${status}`);
    return streams;
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Listens on `path` and keeps what comes in, each connection until its end. */
async function startRecorder(path: string) {
  const ended: Buffer[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((socket) => {
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => void pieces.push(piece));
    socket.on('end', () => {
      ended.push(Buffer.concat(pieces));
      for (const wake of waiting.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  return {
    async all(count: number): Promise<['main' | number, Buffer][]> {
      while (ended.length < count) await new Promise<void>((resolve) => void waiting.push(resolve));
      return ended
        .map((bytes): ['main' | number, Buffer] =>
          bytes.readUInt32BE() === CHANNEL_MAGIC ? [bytes[CHANNEL_ID_AT]!, bytes] : ['main', bytes],
        )
        .sort(([one], [other]) => order(one) - order(other));
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function order(channel: 'main' | number): number {
  return channel === 'main' ? -1 : channel;
}
