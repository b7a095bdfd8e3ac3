/** The relay between the ends of a transfer: it knows what passes, changes nothing by itself, and breaks what it is told to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { encodeHello } from '../../../src/engine/channels/index.ts';
import { encodeMessage } from '../../../src/engine/transfer/control/codec.ts';
import type { Tap } from './fault/link.ts';
import { type Part, partsOf } from './fault/parts.ts';
import { Relay } from './fault/relay.ts';

const MAIN = Buffer.concat([
  encodeMessage({ kind: 'keep-alive' }),
  encodeMessage({ kind: 'failed', code: 'ERR_SOME', why: 'for a reason' }),
  encodeMessage({ kind: 'commit' }),
]);

/** A packet with `payload`, whose header has room for `header` bytes and the payload's length at `lengthAt`. */
function packet(flags: number, header: number, lengthAt: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(header, 7);
  head.writeUInt32BE(0x11223344, 0);
  head.writeUInt32BE(1, 4);
  head.writeUInt32BE(flags, 8);
  head.writeUInt32BE(payload.length, lengthAt);
  return Buffer.concat([head, payload, ...((flags & 0x80) === 0 ? [] : [Buffer.alloc(4, 9)])]);
}

const CHANNEL = Buffer.concat([
  encodeHello({
    uuid: new Uint8Array(16),
    id: 5,
    extension: { features: 1, attempt: 2, barriersSeen: 0 },
  }),
  packet(0x80, 1344, 20, Buffer.alloc(8192, 1)),
  packet(0x81, 1344, 20, Buffer.alloc(0)),
  packet(0xc0, 276, 272, Buffer.alloc(777, 2)),
  packet(0x04, 1344, 20, Buffer.alloc(50, 3)),
]);

/** The parts of `stream`, which comes in pieces of `size` bytes; payloads in one. */
async function cut(stream: Buffer, size: number): Promise<{ names: string[]; parts: Part[] }> {
  const chunks = (function* () {
    for (let at = 0; at < stream.length; at += size) yield stream.subarray(at, at + size);
  })();
  const parts: Part[] = [];
  const names: string[] = [];
  for await (const part of partsOf(asAsync(chunks))) {
    parts.push({ ...part, bytes: Buffer.from(part.bytes) });
    if (part.offset === 0) names.push(part.message ?? part.name);
  }
  return { names, parts };
}

async function* asAsync(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
}

test('streams are cut into their parts, however they come', async () => {
  const ram = ['head', 'ram-header', 'ram-pages', 'checksum'];
  const sync = ['head', 'sync-header', 'checksum'];
  const device = ['head', 'device-header', 'device-data', 'checksum'];
  for (const size of [1, 7, 64, 1000, 1 << 20]) {
    const main = await cut(MAIN, size);
    assert.deepEqual(main.names, ['keep-alive', 'failed', 'commit']);
    const channel = await cut(CHANNEL, size);
    assert.deepEqual(channel.names, ['hello', ...ram, ...sync, ...device, ...ram.slice(0, 3)]);
    assert.deepEqual(channel.parts[0]!.hello, { id: 5, attempt: 2 });
    for (const [stream, { parts }] of [
      [MAIN, main],
      [CHANNEL, channel],
    ] as const)
      assert.ok(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(stream));
  }
});

test('what is not whole, and what is a stranger’s, goes on as it is', async () => {
  for (const stream of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.of(0x46), CHANNEL.subarray(0, 1000)]) {
    const { parts } = await cut(stream, 100);
    assert.equal(parts.at(-1)!.name, 'unknown');
    assert.ok(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(stream));
  }
});

/** All that comes until the end; the other direction stays open. */
async function arrives(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket.iterator({ destroyOnReturn: false })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Something that listens, a relay to it, and connections through the relay. */
async function rig(tap: Tap, work: (open: () => Promise<[near: Socket, far: Socket]>) => Promise<void>) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const opened: Socket[] = [];
  {
    await using relay = await Relay.start((server.address() as AddressInfo).port, tap);
    await work(async () => {
      const near = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
      const [far] = (await once(server, 'connection')) as [Socket];
      for (const socket of [near, far]) socket.on('error', () => undefined);
      opened.push(near, far);
      return [near, far];
    });
  }
  for (const socket of opened) socket.destroy();
  server.close();
  await once(server, 'close');
}

test('both directions go through, each to its own end, and a bit can be changed on the way', () =>
  rig(
    ({ message, bytes }) => {
      if (message === 'commit') bytes[bytes.length - 1]! ^= 1;
      return 3;
    },
    async (open) => {
      const [near, far] = await open();
      near.end(MAIN);
      const arrived = await arrives(far);
      assert.equal(arrived.length, MAIN.length);
      assert.equal(arrived.at(-1), MAIN.at(-1)! ^ 1);
      assert.ok(arrived.subarray(0, -1).equals(MAIN.subarray(0, -1)));
      far.end(CHANNEL);
      assert.ok((await arrives(near)).equals(CHANNEL));
    },
  ));

test('a connection that is cut ends at both ends, and no other does', () =>
  rig(
    ({ link, direction, message }) => {
      if (message === 'failed' && direction === 'forth') link.cut();
    },
    async (open) => {
      const [first, second] = [await open(), await open()];
      const ended = Promise.allSettled(first.map(arrives));
      first[0].write(MAIN);
      await ended;
      second[0].end(CHANNEL);
      assert.ok((await arrives(second[1])).equals(CHANNEL));
    },
  ));

test('one direction can end, or stand still, while the other goes on', async () => {
  const held = Promise.withResolvers<void>();
  await rig(
    ({ link, name, direction }) => {
      if (name === 'message' && direction === 'forth') link.endHalf('forth');
      if (name === 'hello') return held.promise;
      return undefined;
    },
    async (open) => {
      const [near, far] = await open();
      near.write(MAIN);
      assert.equal((await arrives(far)).length, 0);
      far.end(MAIN);
      assert.ok((await arrives(near)).equals(MAIN));
      const [stalled, other] = await open();
      const all = arrives(other);
      stalled.end(CHANNEL);
      other.end(MAIN);
      assert.ok((await arrives(stalled)).equals(MAIN));
      held.resolve();
      assert.ok((await all).equals(CHANNEL));
    },
  );
});
