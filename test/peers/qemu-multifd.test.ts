/** Real QEMUs send their RAM to Ferry: what arrives is what they had, and what goes wrong is said on both sides. */
import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { choosePeer, type Peer } from '../../src/launch/index.ts';
import { BlockMemory, QemuReceiver, type ReceivedMachine } from '../../src/machine/index.ts';
import { encodeEvent, type ReturnMessage, ReturnPath } from '../../src/qemu-stream/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';
import { Relay, type Taps, testPeers } from '../guest/index.ts';
import { migrateTo, prepare, type Sending, type SourceEnd } from './multifd-source.ts';
import { type PlainVm, Yard } from './plain-vm.ts';

const PAGE = 4096;
const MEBIBYTES = 24;
/** Long enough for a machine with other things to do, short enough to be seen to be kept. */
const WITHIN = 20_000;
const TIMINGS = { idle: 10_000, stall: 10_000 };

async function qemu(version: string): Promise<Peer> {
  return choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
}

/** Change what lies in the memory of a VM above 1 MiB: every third page becomes zero or something that `round` makes. */
async function scribble(yard: Yard, round: number): Promise<void> {
  const file = await open(join(yard.folder, 'source.ram'), 'r+');
  try {
    for (let page = 256 + (round % 3); page < MEBIBYTES * 256; page += 3) {
      const zero = page % 2 === 0;
      await file.write(Buffer.alloc(PAGE, zero ? 0 : round + page), 0, PAGE, page * PAGE);
    }
  } finally {
    await file.close();
  }
}

async function assertSameMemory(yard: Yard, received: ReceivedMachine): Promise<void> {
  const [ram, rom] = await Promise.all(
    ['source.ram', 'source.rom'].map((name) => readFile(join(yard.folder, name))),
  );
  assert.equal(received.neverSent, 0);
  assert.ok(ram!.equals(received.memory.bytes('m')), 'RAM differs');
  assert.ok(rom!.equals(received.memory.bytes('pc.bios')), 'the ROM differs');
}

interface Row extends Required<Pick<Sending, 'channels' | 'method' | 'zeroPages'>> {
  readonly over: 'tcp' | 'unix';
}

/** Each two values of two columns stand in some row. */
const PAIRWISE: Readonly<Record<string, readonly Row[]>> = {
  '10.0': [
    { channels: 1, method: 'none', zeroPages: 'multifd', over: 'tcp' },
    { channels: 4, method: 'zlib', zeroPages: 'none', over: 'unix' },
    { channels: 16, method: 'none', zeroPages: 'none', over: 'unix' },
    { channels: 16, method: 'zstd', zeroPages: 'legacy', over: 'tcp' },
  ],
  '11.1': [
    { channels: 1, method: 'zlib', zeroPages: 'legacy', over: 'unix' },
    { channels: 1, method: 'zstd', zeroPages: 'none', over: 'tcp' },
    { channels: 4, method: 'none', zeroPages: 'legacy', over: 'tcp' },
    { channels: 4, method: 'zstd', zeroPages: 'multifd', over: 'unix' },
    { channels: 16, method: 'zlib', zeroPages: 'multifd', over: 'tcp' },
  ],
};

/** Every row there can be. */
function allRows(): Row[] {
  const methods = ['none', 'zlib', 'zstd'] as const;
  return [1, 4, 16].flatMap((channels) =>
    methods.flatMap((method) =>
      (['multifd', 'legacy', 'none'] as const).flatMap((zeroPages) =>
        (['tcp', 'unix'] as const).map((over) => ({ channels, method, zeroPages, over })),
      ),
    ),
  );
}

const full = process.env.FERRY_TEST_FULL === '1';

for (const [version, pairwise] of Object.entries(PAIRWISE))
  describe(`QEMU ${version}`, () => {
    const memory = new BlockMemory();
    let yard: Yard;
    let vm: PlainVm;

    before(async () => {
      yard = await Yard.open();
      const options = { mebibytes: MEBIBYTES, program: 'dirty', noise: true } as const;
      vm = await yard.start('source', await qemu(version), options);
    });

    after(async () => {
      await yard[Symbol.asyncDispose]();
      memory[Symbol.dispose]();
    });

    for (const [round, { over, ...row }] of (full ? allRows() : pairwise).entries())
      it(`sends its RAM over ${row.channels} channels of ${over}, ${row.method}, zero pages ${row.zeroPages}`, async () => {
        await scribble(yard, round);
        const path = join(yard.folder, `m${round}`);
        const again: Uint8Array[] = [];
        await using receiver = await QemuReceiver.listen({
          endpoint: over === 'tcp' ? 'tcp:127.0.0.1:0' : `unix:${path}`,
          channels: row.channels,
          method: row.method,
          // What is zero now was something else in the round before
          memory,
          timings: TIMINGS,
          onEvent: (event) => again.push(encodeEvent(event)),
        });
        const recorded = new Recording();
        await using relay = over === 'unix' ? await Relay.listen(`${path}r`, path, recorded.taps) : undefined;
        const client = await QmpClient.connect(vm.qmp);
        await using _client = client;
        await prepare(client, row);
        const [received, end] = await Promise.all([
          receiver.receive({ deadline: WITHIN }),
          migrateTo(client, relay?.uri ?? receiver.uri),
        ]);
        assert.equal(end.status, 'completed', end.why);
        await assertSameMemory(yard, received);
        const { machine, devices, channels, bytes, barriers } = received;
        assert.equal(machine, 'pc-q35-10.0');
        assert.equal(devices.at(-1)?.idstr, 'globalstate');
        assert.ok(devices.some(({ idstr }) => idstr === 'cpu'));
        assert.equal(channels.length, row.channels);
        assert.ok(barriers >= 2);
        assert.ok(received.pages.normal > 2000 && bytes > 64 * row.channels);
        assert.equal(received.pages.zero > 0, row.zeroPages === 'multifd');
        if (over === 'unix') {
          assert.ok(
            recorded.main.equals(Buffer.concat(again)),
            'the main stream is not written as it was read',
          );
          assert.deepEqual(recorded.said, [
            { type: 'PONG', value: 1 },
            { type: 'SHUT', error: 0 },
          ]);
        }
        await client.execute('cont');
      });
  });

it('a machine type of old has a barrier in each section without a word, and waits to hear that it may switch over', async () => {
  await using yard = await Yard.open();
  const vm = await yard.start('source', await qemu('10.0'), {
    mebibytes: MEBIBYTES,
    noise: true,
    machine: 'pc-q35-8.0',
  });
  const types = new Map<string, number>();
  await using receiver = await QemuReceiver.listen({
    endpoint: 'tcp:127.0.0.1:0',
    channels: 2,
    barrierInEachSection: true,
    switchoverAck: true,
    timings: TIMINGS,
    onEvent: ({ type }) => types.set(type, (types.get(type) ?? 0) + 1),
  });
  await using client = await QmpClient.connect(vm.qmp);
  await prepare(client, { channels: 2, zeroPages: 'legacy', switchoverAck: true });
  const [received, end] = await Promise.all([
    receiver.receive({ deadline: WITHIN }),
    migrateTo(client, receiver.uri),
  ]);
  using machine = received;
  assert.equal(end.status, 'completed', end.why);
  assert.equal(types.get('flush'), undefined);
  assert.equal(machine.barriers, types.get('end-of-ram'));
  await assertSameMemory(yard, machine);
});

/** What passed through a relay. */
class Recording {
  readonly #main: Buffer[] = [];
  readonly #path = new ReturnPath();
  readonly said: ReturnMessage[] = [];
  /** Resolves when the last word was said. */
  readonly ended: Promise<void>;
  readonly taps: Taps;

  /** `forward` sees a channel's bytes, or the main connection's, after they were recorded. */
  constructor(forward: Taps['forward'] = (bytes) => bytes) {
    const main = this.#main;
    const { said } = this;
    const path = this.#path;
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    async function* record(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
      let isMain: boolean | undefined;
      for await (const piece of bytes) {
        isMain ??= piece.subarray(0, 4).toString('latin1') === 'QEVM';
        if (isMain) main.push(piece);
        yield piece;
      }
    }
    this.taps = {
      forward: (bytes, relay) => forward(record(bytes), relay),
      back: async function* (bytes) {
        for await (const piece of bytes) {
          said.push(...path.feed(piece));
          if (said.at(-1)?.type === 'SHUT') ended.resolve();
          yield piece;
        }
      },
    };
  }

  get main(): Buffer {
    return Buffer.concat(this.#main);
  }
}

/** What the receiver rejected with, and how it ended for the source. */
interface Failed {
  readonly error: Error & { code?: string };
  readonly end: SourceEnd;
}

describe('a migration that fails', () => {
  let yard: Yard;
  let vm: PlainVm;
  let round = 0;

  before(async () => {
    yard = await Yard.open();
    vm = await yard.start('source', await qemu('11.1'), { mebibytes: MEBIBYTES, noise: true });
  });

  after(() => yard[Symbol.asyncDispose]());

  interface Trouble {
    readonly sending?: Partial<Sending>;
    readonly method?: 'none' | 'zstd';
    readonly channels?: number;
    readonly forward?: Taps['forward'];
    readonly timings?: { idle: number; stall: number };
    readonly signal?: AbortSignal;
    /** The source is told how it ended before it finds nobody there. */
    readonly hears?: true;
    /** What to do when the source has begun to send. */
    readonly act?: (client: QmpClient) => unknown;
  }

  async function fail(trouble: Trouble, recorded = new Recording(trouble.forward)): Promise<Failed> {
    const { channels = 2, method = 'none', timings = TIMINGS, signal } = trouble;
    const path = join(yard.folder, `f${round++}`);
    await using client = await QmpClient.connect(vm.qmp);
    await prepare(client, { channels: 2, ...trouble.sending });
    await using stack = new AsyncDisposableStack();
    const receiver = stack.use(
      await QemuReceiver.listen({ endpoint: `unix:${path}`, channels, method, timings }),
    );
    const relay = stack.use(await Relay.listen(`${path}r`, path, recorded.taps));
    const receiving = receiver.receive({ deadline: WITHIN, ...(signal && { signal }) }).then(
      (received) => {
        received[Symbol.dispose]();
        throw new Error('The migration was taken');
      },
      (error: Error & { code?: string }) => error,
    );
    const end = migrateTo(client, relay.uri, async (status) => {
      if (status === 'active') await trouble.act?.(client);
    });
    const error = await receiving;
    if (trouble.hears === true) await Promise.race([recorded.ended, end]);
    // A source that still connects, or waits for a word, finds nobody there any more
    await stack.disposeAsync();
    return { error, end: await end };
  }

  async function assertGoesOn(): Promise<void> {
    assert.equal(await vm.status(), 'running');
    assert.ok(await vm.ticks(), 'the guest does not run');
  }

  it('the source cancels: the receiver says what broke, and takes the same machine later', async () => {
    const { error, end } = await fail({
      sending: { bandwidth: 4 << 20 },
      act: (client) => client.execute('migrate_cancel'),
    });
    assert.equal(end.status, 'cancelled');
    assert.match(error.code ?? '', /^ERR_(QEMU_TRUNCATED|CHANNEL_CUT)$/, error.message);
    await assertGoesOn();
  });

  it('the receiver is told to stop: the source hears of it', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const { error, end } = await fail({
      sending: { bandwidth: 4 << 20 },
      signal: abort.signal,
      act: () => abort.abort(reason),
    });
    assert.equal(error, reason);
    assert.equal(end.status, 'failed');
    await assertGoesOn();
  });

  it('a channel is cut: the source hears of it, and goes on', async () => {
    let others = 0;
    const { error, end } = await fail({
      forward: async function* (bytes) {
        let passed = 0;
        for await (const piece of bytes) {
          yield piece;
          passed += piece.length;
          // Whichever channel is the first to have sent so much
          if (passed > 500_000 && others++ === 0) throw new Error('cut');
        }
      },
    });
    // Which of its connections the source closes first is not said
    assert.match(error.code ?? '', /^ERR_(QEMU_TRUNCATED|CHANNEL_CUT)$/, error.message);
    assert.equal(end.status, 'failed');
    await assertGoesOn();
  });

  it('a channel says nothing more: there is a deadline, and the channel is named', async () => {
    let silent = 0;
    const { error } = await fail({
      timings: { idle: 1500, stall: 700 },
      forward: async function* (bytes, relay) {
        let isMain: boolean | undefined;
        for await (const piece of bytes) {
          isMain ??= piece.subarray(0, 4).toString('latin1') === 'QEVM';
          if (!isMain && silent++ === 0) {
            // The hello and no packet: its first SYNC never comes
            yield piece.subarray(0, 64);
            await relay.broken;
            return;
          }
          yield piece;
        }
      },
    });
    assert.equal(error.code, 'ERR_DEADLINE', error.message);
    assert.match(error.message, /[Bb]arrier 1.*barrier 0/);
    await assertGoesOn();
  });

  it('the source compresses otherwise than it was said: SHUT says no, and nothing is lost', async () => {
    const recorded = new Recording();
    const { error, end } = await fail({ sending: { method: 'zstd' }, hears: true }, recorded);
    assert.equal(error.code, 'ERR_PACKET_METHOD', error.message);
    assert.deepEqual(recorded.said.at(-1), { type: 'SHUT', error: 1 });
    assert.equal(end.status, 'failed');
    await assertGoesOn();
  });

  it('and then the same machine arrives whole', async () => {
    await using receiver = await QemuReceiver.listen({
      endpoint: 'tcp:127.0.0.1:0',
      channels: 2,
      timings: TIMINGS,
    });
    await using client = await QmpClient.connect(vm.qmp);
    await prepare(client, { channels: 2 });
    const [received, end] = await Promise.all([
      receiver.receive({ deadline: WITHIN }),
      migrateTo(client, receiver.uri),
    ]);
    using machine = received;
    assert.equal(end.status, 'completed', end.why);
    await assertSameMemory(yard, machine);
    await client.execute('cont');
  });

  it('the source is killed: the receiver says so', async () => {
    const path = join(yard.folder, 'killed');
    await using receiver = await QemuReceiver.listen({
      endpoint: `unix:${path}`,
      channels: 2,
      timings: TIMINGS,
    });
    await using client = await QmpClient.connect(vm.qmp);
    await prepare(client, { channels: 2, bandwidth: 4 << 20 });
    const refused = assert.rejects(
      receiver.receive({ deadline: WITHIN }),
      (error: Error & { code?: string }) => {
        assert.match(error.code ?? '', /^ERR_(QEMU_TRUNCATED|QEMU_RETURN_PATH|CHANNEL_CUT)$/, error.message);
        return true;
      },
    );
    await assert.rejects(
      migrateTo(client, `unix:${path}`, (status) => {
        if (status === 'active') vm.signal('SIGKILL');
      }),
    );
    await refused;
  });
});
