/** Channels whose peers break off, stop, lie or come back. The far ends are sockets in the hands of the test. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ChannelControl } from '../../../src/engine/channels/control.ts';
import {
  type ChannelFacts,
  Channels,
  type KindStart,
  socketConnection,
} from '../../../src/engine/channels/index.ts';
import { ChannelPacketReader } from '../../../src/engine/channels/packet-reader.ts';
import { receiveAll } from '../../../src/engine/channels/receive-loop.ts';
import { disposeAll, loadKinds } from '../../../src/engine/channels/registry.ts';
import { ChannelStream } from '../../../src/engine/channels/stream.ts';
import {
  createPipe,
  createSocketPair,
  Fd,
  liveResources,
  setSocketTimeouts,
  shutdownSocket,
  writeFrom,
} from '../../../src/sys/index.ts';
import { endOf, readAll, sendAll } from '../../support/engine/channel-ends.ts';
import { barrierPacket, checksummed, Parcels, parcelPacket } from '../../support/engine/parcels.ts';
import type { StuckStart } from '../../support/engine/stuck-kind.ts';

const patience = { deadline: 10_000 };
const plain = { extended: false, checksum: false };
let folder: string;
const held = liveResources().length;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-channels-'));
});
after(() => {
  rmSync(folder, { recursive: true });
  assert.equal(liveResources().length, held, liveResources().join('\n'));
});

function closeEach(fds: readonly Fd[]): void {
  for (const fd of fds) fd[Symbol.dispose]();
}

const facts: ChannelFacts = { id: 0, channels: 1, direction: 'receive', extended: false };

/** A receiving channel on this thread is given `bytes` and then the end of the stream. */
async function feed(bytes: Uint8Array, checksum = false, kinds?: readonly KindStart[]): Promise<Parcels> {
  const parcels = new Parcels({ producers: 1 });
  const [near, far] = createSocketPair('channel 0');
  using _near = near;
  using _far = far;
  sendAll(far, bytes);
  shutdownSocket(far, 'write');
  const control = ChannelControl.create(1, 1);
  const transport = { kind: 'socket', fd: near.number } as const;
  using stream = new ChannelStream({ transport, packetMs: 5000, idleMs: 5000 }, 0, control);
  using packet = new ChannelPacketReader(stream, { checksum, extended: checksum }, 'channel 0');
  const loaded = await loadKinds(kinds ?? [parcels.kind], facts);
  try {
    receiveAll({ id: 0, kinds: loaded, control, stream, packet });
  } finally {
    disposeAll(loaded);
  }
  return parcels;
}

const { start } = new Parcels({ producers: 1 });
const two = Buffer.concat([parcelPacket(start, 0, 0), parcelPacket(start, 0, 1)]);
const first = parcelPacket(start, 0, 0).length;

/** Resolves with true when channel 0 has gone to sleep more than `before` times, with false when `meanwhile` holds first. */
async function sleeps(channels: Channels, before: number, meanwhile = () => false): Promise<boolean> {
  while (channels.counters(0).waits <= before) {
    if (meanwhile()) return false;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return true;
}

test('a stream may end between two packets and nowhere else', async () => {
  assert.equal((await feed(two)).came, 2);
  assert.equal((await feed(two.subarray(0, first))).came, 1);
  assert.equal((await feed(new Uint8Array(0))).came, 0);
  const cuts = [1, 11, first - 1, first + 1, first + 12, first + 27, first + 28, two.length - 1];
  for (const cut of cuts)
    await assert.rejects(feed(two.subarray(0, cut)), {
      code: 'ERR_CHANNEL_CUT',
      message: new RegExp(`^Channel 0, byte ${cut}: the stream ends inside a packet`),
    });
});

test('a channel waits for a packet as long as it may, however often its calls come back before', () => {
  const [near, far] = createSocketPair('channel 0');
  using _near = near;
  using _far = far;
  setSocketTimeouts(near, 1);
  const transport = { kind: 'socket', fd: near.number } as const;
  using stream = new ChannelStream({ transport, packetMs: 100, idleMs: 100 }, 0, ChannelControl.create(1, 1));
  using packet = new ChannelPacketReader(stream, plain, 'channel 0');
  const begun = performance.now();
  assert.throws(() => packet.begin(), {
    code: 'ERR_CHANNEL_IDLE',
    message: 'Channel 0, byte 0: nothing came for 100 ms, where a packet could begin',
  });
  assert.ok(performance.now() - begun >= 100);
});

type Lie = readonly [what: string, at: number, word: number, code: string, message: RegExp];

const lies: readonly Lie[] = [
  ['magic', 0, 0x1122_3345, 'ERR_PACKET_MAGIC', /packet 2 begins with 0x11223345, expected 0x11223344/],
  ['version', 4, 2, 'ERR_PACKET_VERSION', /packet 2 has version 2, expected 1/],
  [
    'a flag of the extension',
    8,
    0x108,
    'ERR_PACKET_FLAGS',
    /flags 0x108, of which stock peers have no 0x100/,
  ],
  ['a checksum', 8, 0x88, 'ERR_PACKET_FLAGS', /stock peers have no 0x80/],
  [
    'a flag of no kind',
    8,
    0x20,
    'ERR_PACKET_FLAGS',
    /flags 0x20, which no kind of this transfer claims: parcels/,
  ],
  ['no flag', 8, 0, 'ERR_PACKET_FLAGS', /flags 0x0, which no kind/],
  [
    'the highest flag',
    8,
    0x8000_0000,
    'ERR_PACKET_FLAGS',
    /flags 0x80000000, of which stock peers have no 0x80000000/,
  ],
];

test('a head that is wrong in any word is refused, naming channel, byte and packet', async () => {
  for (const [what, at, word, code, message] of lies) {
    const bytes = Buffer.from(two);
    bytes.writeUInt32BE(word, first + at);
    await assert.rejects(feed(bytes), { code, message }, what);
  }
  const bytes = Buffer.from(two);
  bytes.writeUInt32BE(0, first);
  await assert.rejects(feed(bytes), { message: new RegExp(`^Channel 0, byte ${first + 12}: packet 2`) });
});

test('with checksums every flipped bit is found', async () => {
  const packet = checksummed(parcelPacket(start, 0, 0));
  assert.equal((await feed(packet, true)).came, 1);
  for (const bit of [
    8 * 11,
    8 * 12 + 3,
    8 * 24 + 7,
    8 * 28,
    8 * (packet.length - 5),
    8 * packet.length - 1,
  ]) {
    const flipped = Buffer.from(packet);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const code = /^ERR_PACKET_(CHECKSUM|FLAGS)$/;
    await assert.rejects(feed(flipped, true), { code }, `bit ${bit}`);
  }
  await assert.rejects(feed(parcelPacket(start, 0, 0), true), {
    code: 'ERR_PACKET_FLAGS',
    message: /without the checksum that was agreed on/,
  });
});

test('the first channel that fails ends the others, and everything that waits', async () => {
  const parcels = new Parcels({ producers: 1 });
  const failed: [number, string][] = [];
  const { channels, far } = await endOf('receive', 3, {
    ...plain,
    kinds: [parcels.kind],
    onFailure: (id, { message }) => failed.push([id, message]),
  });
  await using _channels = channels;
  sendAll(far[0]!, two.subarray(0, 20));
  sendAll(far[2]!, barrierPacket());
  const barrier = channels.barrierReached(1, patience);
  shutdownSocket(far[0]!, 'write');
  await assert.rejects(barrier, { code: 'ERR_CHANNEL_CUT', message: /^Channel 0, byte 20/ });
  await assert.rejects(channels.ended, { code: 'ERR_CHANNEL_CUT' });
  assert.deepEqual(
    failed.map(([id]) => id),
    [0],
  );
  closeEach(far);
});

test('a channel that ends before a barrier is named', async () => {
  const parcels = new Parcels({ producers: 1 });
  const { channels, far } = await endOf('receive', 2, { ...plain, kinds: [parcels.kind] });
  await using _channels = channels;
  sendAll(far[0]!, barrierPacket());
  shutdownSocket(far[1]!, 'write');
  await assert.rejects(channels.barrierReached(1, patience), {
    code: 'ERR_CHANNEL_CUT',
    message: 'Channel 1 has ended at barrier 0; barrier 1 was expected',
  });
  closeEach(far);
});

test('a peer that stops inside a packet is given up after the time for a packet, one between packets later', async () => {
  const parcels = new Parcels({ producers: 1 });
  const options = { ...plain, kinds: [parcels.kind], packetMs: 200, idleMs: 600 };
  for (const [bytes, code] of [
    [two.subarray(0, first + 3), 'ERR_CHANNEL_STALLED'],
    [two.subarray(0, 200), 'ERR_CHANNEL_STALLED'],
    [two.subarray(0, first), 'ERR_CHANNEL_IDLE'],
  ] as const) {
    const { channels, far } = await endOf('receive', 1, options);
    await using _channels = channels;
    sendAll(far[0]!, bytes);
    await assert.rejects(channels.finish(patience), { code });
    closeEach(far);
  }
});

test('a peer that does not read is given up, and one that has gone is named', async () => {
  const parcels = new Parcels({ producers: 1, each: 200, most: 100_000 });
  parcels.offer(0, 200);
  const { channels, far } = await endOf('send', 1, { ...plain, kinds: [parcels.kind], packetMs: 200 });
  await using _channels = channels;
  await assert.rejects(channels.ended, {
    code: 'ERR_CHANNEL_STALLED',
    message: /did not go on within 200 ms/,
  });
  closeEach(far);

  const again = new Parcels({ producers: 1 });
  const gone = await endOf('send', 1, { ...plain, kinds: [again.kind] });
  await using _gone = gone.channels;
  closeEach(gone.far);
  again.offer(0, 1);
  gone.channels.bell.ring();
  await assert.rejects(gone.channels.ended, { code: 'ERR_CHANNEL_CLOSED', message: /EPIPE/ });
});

test('a barrier that is not reached is a matter of the deadline, and says which channel is behind', async () => {
  const parcels = new Parcels({ producers: 1 });
  const { channels, far } = await endOf('receive', 2, { ...plain, kinds: [parcels.kind] });
  await using _channels = channels;
  sendAll(far[1]!, barrierPacket());
  await assert.rejects(channels.barrierReached(1, { deadline: 300 }), {
    code: 'ERR_DEADLINE',
    message: /channels 0: running, barrier 0; 1: running, barrier 1/,
  });
  const stop = new AbortController();
  const waiting = channels.barrierReached(1, { signal: stop.signal, deadline: 10_000 });
  stop.abort(new Error('changed my mind'));
  await assert.rejects(waiting, /changed my mind/);
  sendAll(far[0]!, barrierPacket());
  await channels.barrierReached(1, patience);
  closeEach(far);
});

test('a channel is held at a barrier until it is released', async () => {
  const parcels = new Parcels({ producers: 1 });
  const { channels, far } = await endOf('receive', 1, { ...plain, kinds: [parcels.kind], endMs: 300 });
  await using _channels = channels;
  parcels.hold();
  sendAll(far[0]!, Buffer.concat([barrierPacket(), parcelPacket(start, 0, 0, 1), barrierPacket()]));
  await channels.barrierReached(1, patience);
  // It sleeps at the barrier, or it has gone on to the parcel, and stops there
  assert.ok(await sleeps(channels, 0, () => parcels.isHeld));
  assert.equal(channels.counters(0).packets, 1);
  parcels.release();
  channels.releaseBarrier(1);
  await channels.barrierReached(2, patience);
  assert.equal(parcels.came, 1);
  closeEach(far);
});

test('abort ends channels that are blocked in a read, in a write, on the bell and at a barrier', async () => {
  const reason = new Error('the operator said so');
  const quiet = new Parcels({ producers: 1 });
  const busy = new Parcels({ producers: 1, each: 200, most: 100_000 });
  busy.offer(0, 200);
  const ends = [
    await endOf('receive', 2, { ...plain, kinds: [quiet.kind] }),
    await endOf('send', 2, { ...plain, kinds: [busy.kind] }),
    await endOf('send', 1, { ...plain, kinds: [quiet.kind] }),
  ];
  sendAll(ends[0]!.far[0]!, barrierPacket());
  for (const { channels, far } of ends) {
    await using _channels = channels;
    const finished = channels.finish(patience);
    channels.abort(reason);
    await assert.rejects(finished, reason);
    await assert.rejects(channels.ended, reason);
    await assert.rejects(channels.barrierWritten(99, patience), reason);
    closeEach(far);
  }
});

test('a thread that a kind does not give back is ended by force, and named', async () => {
  const parcels = new Parcels({ producers: 1 });
  const failed: string[] = [];
  const { channels, far } = await endOf('receive', 2, {
    ...plain,
    kinds: [parcels.kind],
    endMs: 200,
    onFailure: (_id, { message }) => failed.push(message),
  });
  await using _channels = channels;
  parcels.hold();
  sendAll(far[1]!, two);
  await parcels.held();
  const reason = new Error('enough');
  channels.abort(reason);
  await assert.rejects(channels.ended, reason);
  assert.deepEqual(failed, ['Channel 1: its thread did not end within 200 ms']);
  assert.equal(parcels.came, 0);
  closeEach(far);
});

test('a thread in a call that does not return is given up, and what it was lent stays as it is', async () => {
  const pipe = createPipe('never written');
  const [near, far] = createSocketPair('channel 0');
  const { number } = near;
  const start: StuckStart = { fd: pipe.read.number, entered: new SharedArrayBuffer(4) };
  const failed: string[] = [];
  const channels = await Channels.start({
    ...plain,
    direction: 'receive',
    connections: [socketConnection(near, 'far end')],
    kinds: [{ module: new URL('../../support/engine/stuck-kind.ts', import.meta.url).href, start }],
    endMs: 100,
    onFailure: (_id, { message }) => failed.push(message),
  });
  sendAll(far, two);
  const { async, value } = Atomics.waitAsync(new Int32Array(start.entered), 0, 0);
  if (async) await value;
  await channels[Symbol.asyncDispose]();
  assert.deepEqual(failed, ['Channel 0: its thread is in a call that does not return']);
  assert.ok(near.closed);
  assert.equal(writeFrom(pipe.write, new Uint8Array(1)), 1);
  closeEach([new Fd(number, 'what was lent'), far, pipe.read, pipe.write]);
});

test('a program can exit while its channels are blocked', async () => {
  const program = fileURLToPath(new URL('../../support/engine/exit-while-blocked.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=ferry-source', program], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 7);
});

test('a sending channel that broke is replaced, and writes the barriers again that the peer has not read', async () => {
  const parcels = new Parcels({ producers: 1, ordered: false });
  const broken: number[] = [];
  let failed = Promise.withResolvers<void>();
  const { channels, far } = await endOf('send', 2, {
    ...plain,
    kinds: [parcels.kind],
    resumable: true,
    onFailure: (id) => {
      broken.push(id);
      failed.resolve();
    },
  });
  await using _channels = channels;
  await channels.barrierWritten(channels.postBarrier(), patience);
  far[1]![Symbol.dispose]();
  const waiting = channels.barrierWritten(channels.postBarrier(), patience);
  await failed.promise;
  assert.deepEqual(broken, [1]);
  failed = Promise.withResolvers();
  const [near, farAgain] = createSocketPair('again');
  await channels.replace(1, socketConnection(near, 'far end 1 again'), { barriersSeen: 0 });
  await waiting;
  assert.deepEqual(
    readAll(farAgain, 2 * barrierPacket().length),
    Buffer.concat([barrierPacket(), barrierPacket()]),
  );
  assert.equal(channels.barrierOf(1), 2);
  await channels.finish(patience);
  closeEach([far[0]!, farAgain]);
});

test('a resumable channel that ends between two packets may come back until the end is asked for', async () => {
  const parcels = new Parcels({ producers: 1, ordered: false });
  const lost = Promise.withResolvers<[number, string]>();
  const { channels, far } = await endOf('receive', 1, {
    extended: true,
    checksum: false,
    kinds: [parcels.kind],
    resumable: true,
    onFailure: (id, { message }) => lost.resolve([id, message]),
  });
  await using _channels = channels;
  sendAll(far[0]!, parcelPacket(start, 0, 0));
  shutdownSocket(far[0]!, 'write');
  assert.deepEqual(await lost.promise, [0, 'Channel 0 has ended at barrier 0, before everything had come']);
  const barrier = channels.barrierReached(1, patience);
  const [near, farAgain] = createSocketPair('again');
  await channels.replace(0, socketConnection(near, 'again'));
  sendAll(farAgain, Buffer.concat([barrierPacket(), parcelPacket(start, 0, 1)]));
  await barrier;
  channels.releaseBarrier(1);
  const finished = channels.finish(patience);
  shutdownSocket(farAgain, 'write');
  await finished;
  await channels.ended;
  assert.equal(parcels.came, 2);
  closeEach([far[0]!, farAgain]);
});

test('a receiving channel is replaced while it is held at a barrier, and stays held', async () => {
  const parcels = new Parcels({ producers: 1, ordered: false });
  const { channels, far } = await endOf('receive', 1, { ...plain, kinds: [parcels.kind], resumable: true });
  await using _channels = channels;
  sendAll(far[0]!, barrierPacket());
  await channels.barrierReached(1, patience);
  assert.ok(await sleeps(channels, 0, () => channels.barrierOf(0) > 1));
  const before = channels.counters(0).waits;
  const [near, farAgain] = createSocketPair('again');
  await channels.replace(0, socketConnection(near, 'again'));
  sendAll(farAgain, Buffer.concat([barrierPacket(), parcelPacket(start, 0, 0)]));
  assert.ok(await sleeps(channels, before, () => channels.barrierOf(0) > 1));
  assert.equal(channels.barrierOf(0), 1);
  channels.releaseBarrier(1);
  await channels.barrierReached(2, patience);
  channels.releaseBarrier(2);
  shutdownSocket(farAgain, 'write');
  await channels.finish(patience);
  assert.equal(parcels.came, 1);
  const [late, lateFar] = createSocketPair('late');
  await assert.rejects(channels.replace(0, socketConnection(late, 'late')), { code: 'ERR_CHANNELS' });
  closeEach([far[0]!, farAgain, lateFar]);
});

test('kinds that cannot be are refused by name when channels start', async () => {
  const module = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return { module: pathToFileURL(path).href, start: {} };
  };
  const { kind } = new Parcels();
  const named = (name: string, more: string) =>
    module(
      `${name}.mjs`,
      `export const createKind = () => ({ name: '${name}', [Symbol.dispose]() {}, ${more} });`,
    );
  const source = 'source: { ordered: true, weight: 1, take: () => false, write() {} }';
  for (const [kinds, message] of [
    [
      [{ module: pathToFileURL(join(folder, 'nowhere.mjs')).href, start: {} }],
      /nowhere.mjs cannot be loaded/,
    ],
    [[module('broken.mjs', 'throw new Error("out of order");')], /broken.mjs cannot be loaded: out of order/],
    [[module('empty.mjs', 'export const other = 1;')], /empty.mjs exports no function createKind/],
    [[kind, new Parcels().kind], /Two kinds of payload are named parcels/],
    [[kind, named('deaf', 'sink: {}')], /The kind deaf in .* cannot send/],
    [[kind, named('light', source.replace('weight: 1', 'weight: 0'))], /The kind light .* has the weight 0/],
    [[named('mute', source)], /Exactly one kind of a transfer writes barriers, not none of them/],
    [[kind, new Parcels({ name: 'second' }).kind], /writes barriers, not parcels, second/],
    [[], /A transfer has 1 to 31 kinds of payload, not 0/],
  ] as const) {
    await assert.rejects(loadKinds(kinds, { ...facts, direction: 'send' }), { code: 'ERR_KIND', message });
  }
  await assert.rejects(endOf('send', 2, { ...plain, kinds: [kind, kind] }), {
    code: 'ERR_KIND',
    message: /Two kinds of payload are named parcels/,
  });
});

test('a kind that breaks its promises fails its channel by name', async () => {
  const kindOf = (name: string, sink: string) => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(
      path,
      `export const createKind = () => ({ name: '${name}', [Symbol.dispose]() {}, sink: { claims: () => true, ${sink} } });`,
    );
    return { module: pathToFileURL(path).href, start: {} };
  };
  await assert.rejects(feed(two, false, [kindOf('careless', 'read() {}')]), {
    code: 'ERR_KIND',
    message: /careless left a packet without its end/,
  });
  const { channels, far } = await endOf('receive', 1, {
    ...plain,
    kinds: [kindOf('broken', 'read() { throw new Error("lost"); }')],
  });
  await using _channels = channels;
  sendAll(far[0]!, two);
  await assert.rejects(channels.ended, { code: 'ERR_CHANNEL', message: 'lost' });
  closeEach(far);
});
