/** The connections of a transfer find their places, whatever order they come in and whoever else comes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  acceptResumed,
  Channels,
  type CollectOptions,
  type Connection,
  collectConnections,
  connect,
  encodeHello,
  Feature,
  type Listener,
  listen,
  openChannel,
  parseEndpoint,
  type ResumedChannel,
} from '../../../src/engine/channels/index.ts';
import { MAX_STRANGERS, MAX_UNIDENTIFIED } from '../../../src/engine/channels/limits.ts';
import { TlsContext, type TlsFiles } from '../../../src/sys/index.ts';
import { Authority } from '../../support/engine/certificates.ts';
import { uuid } from '../../support/engine/channel-ends.ts';
import { Parcels, parcelPacket } from '../../support/engine/parcels.ts';

const patience = { deadline: 20_000 };
let folder: string;
let path: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-channels-'));
  path = join(folder, 's');
});
after(() => rmSync(folder, { recursive: true }));

/** Connections that are closed at the end of a test. */
class Guests implements AsyncDisposable {
  readonly all: Connection[] = [];

  async to(listener: Listener, bytes?: Uint8Array | string): Promise<Connection> {
    const connection = await connect(listener.endpoint, 'main');
    this.all.push(connection);
    if (bytes !== undefined) connection.sendNow(Buffer.from(bytes as string));
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.all) await connection[Symbol.asyncDispose]();
  }
}

const hello = (id: number) => encodeHello({ uuid, id });
const stock: CollectOptions = { uuid, channels: 2, extended: false };

test('strangers are turned away, and the transfer finds its connections all the same', async () => {
  await using listener = await listen(parseEndpoint(`unix:${path}`));
  await using guests = new Guests();
  const strangers: string[] = [];
  const collected = collectConnections(
    listener,
    { ...stock, onStranger: (_peer, { message }) => strangers.push(message) },
    patience,
  );
  await guests.to(listener);
  await guests.to(listener, 'FR');
  await guests.to(listener, 'GET / HTTP/1.1\r\n');
  const gone = await guests.to(listener, hello(1).subarray(0, 40));
  await gone[Symbol.asyncDispose]();
  await guests.to(listener, encodeHello({ uuid: new Uint8Array(16), id: 0 }));
  await guests.to(listener, hello(2));
  await guests.to(listener, hello(1));
  await guests.to(listener, hello(1));
  await guests.to(listener, 'QEVM');
  await guests.to(listener, 'QEVM');
  await guests.to(listener, hello(0));
  const all = await collected;
  await using _main = all.main;
  await using _first = all.channels[0];
  await using _second = all.channels[1];
  assert.equal(all.protocol, 'qemu');
  assert.equal(all.features, 0);
  for (const [what, count] of [
    [/begins with the bytes 47455420/, 1],
    [/The hello of process \d+: the stream ends after 40 of 64 bytes/, 1],
    [/hello.uuid at byte 8: 00000000-/, 1],
    [/hello.id at byte 24: 2/, 1],
    [/Channel 1 is there already/, 1],
    [/The main connection is there already/, 1],
  ] as const)
    assert.equal(strangers.filter((message) => what.test(message)).length, count, `${what}: ${strangers}`);
});

test('what is missing at the deadline is named', async () => {
  await using listener = await listen(parseEndpoint('tcp:127.0.0.1:0'));
  await using guests = new Guests();
  await guests.to(listener, hello(1));
  await assert.rejects(collectConnections(listener, { ...stock, channels: 3 }, { deadline: 300 }), {
    code: 'ERR_DEADLINE',
    message: 'The arrival of the main connection and channels 0, 2 did not happen within 300 ms',
  });
  const stop = new AbortController();
  const waiting = collectConnections(listener, stock, { signal: stop.signal });
  stop.abort(new Error('not today'));
  await assert.rejects(waiting, /not today/);
});

test('who says nothing makes room for others, and too many strangers are the end', async () => {
  await using listener = await listen(parseEndpoint(`unix:${path}`));
  await using guests = new Guests();
  const evicted: string[] = [];
  const options = { ...stock, onStranger: (_peer: string, { message }: Error) => evicted.push(message) };
  const collected = collectConnections(listener, options, patience);
  for (let silent = 0; silent < MAX_UNIDENTIFIED + 8; silent++) await guests.to(listener);
  for (const bytes of ['QEVM', hello(0), hello(1)]) await guests.to(listener, bytes);
  const all = await collected;
  for (const connection of [all.main, ...all.channels]) await connection[Symbol.asyncDispose]();
  assert.match(evicted[0]!, /more than 32 connections have not said what they are/);

  const flooded = assert.rejects(collectConnections(listener, stock, patience), {
    code: 'ERR_TOO_MANY_STRANGERS',
  });
  for (let stranger = 0; stranger < MAX_STRANGERS; stranger++) {
    const connection = await connect(listener.endpoint, 'main');
    connection.sendNow(Buffer.from('nope'));
    await connection[Symbol.asyncDispose]();
  }
  await flooded;
});

test('both ends of the extension agree on what both can, and a channel that comes back is told where it was', async () => {
  await using listener = await listen(parseEndpoint(`ferry+unix:${path}`));
  await using guests = new Guests();
  const channels = 2;
  const both = { uuid, channels, extended: true };
  const collected = collectConnections(listener, { ...both, features: Feature.checksum }, patience);
  await guests.to(listener, 'QEVM');
  await guests.to(listener, hello(0));
  await guests.to(listener, 'FRCT');
  const opening = { ...both, features: Feature.checksum | 2 };
  for (const id of [1, 0])
    assert.deepEqual(await openChannel(await guests.to(listener), { ...opening, id }, patience), {
      features: Feature.checksum,
      barriersSeen: 0,
    });
  const all = await collected;
  assert.equal(all.protocol, 'ferry');
  assert.equal(all.features, Feature.checksum);
  for (const connection of [all.main, ...all.channels]) await connection[Symbol.asyncDispose]();

  const back = Promise.withResolvers<ResumedChannel>();
  const strangers: string[] = [];
  await using _resuming = acceptResumed(listener, {
    ...both,
    expects: (id, attempt) => {
      if (id !== 1 || attempt !== 1) throw new Error(`channel ${id}, attempt ${attempt} is not expected`);
      return 7;
    },
    onResumed: back.resolve,
    onFailure: back.reject,
    onStranger: (_peer, { message }) => strangers.push(message),
  });
  const early = await guests.to(listener);
  await assert.rejects(openChannel(early, { ...opening, id: 1 }, patience), { code: 'ERR_CHANNEL_CUT' });
  const again = await openChannel(await guests.to(listener), { ...opening, id: 1, attempt: 1 }, patience);
  assert.deepEqual(again, { features: 0, barriersSeen: 7 });
  const { id, attempt, connection } = await back.promise;
  await using _back = connection;
  assert.deepEqual([id, attempt], [1, 1]);
  assert.deepEqual(strangers, ['channel 1, attempt 0 is not expected']);
});

test('an answer that does not fit the hello is refused', async () => {
  await using listener = await listen(parseEndpoint(`ferry+unix:${path}`));
  const extension = { features: 0, attempt: 0, barriersSeen: 0 };
  for (const [answer, message] of [
    [{ uuid, id: 1, extension }, /is for channel 1/],
    [{ uuid, id: 0, extension: { ...extension, attempt: 1 } }, /is for attempt 1, expected 0/],
    [
      { uuid, id: 0, extension: { ...extension, features: 3 } },
      /accepts features 0x3, of which only 0x1 were/,
    ],
    [{ uuid, id: 0 }, /a stock peer, where the scheme asks for Ferry/],
  ] as const) {
    await using guests = new Guests();
    const near = await guests.to(listener);
    const opened = openChannel(near, { uuid, channels: 2, extended: true, id: 0, features: 1 }, patience);
    await using far = await listener.accept(patience);
    far.sendNow(encodeHello(answer));
    await assert.rejects(opened, { code: 'ERR_HELLO', message });
  }
});

test('nobody to connect to, and no host of that name, are errors that say so', async () => {
  await using listener = await listen(parseEndpoint('tcp:127.0.0.1:0'));
  const { endpoint } = listener;
  await listener[Symbol.asyncDispose]();
  await assert.rejects(connect(endpoint, 0), { code: 'ERR_CONNECT', retry: true, message: /ECONNREFUSED/ });
  await assert.rejects(connect(parseEndpoint(`unix:${path}`), 0), { code: 'ERR_CONNECT', message: /ENOENT/ });
  await assert.rejects(connect(parseEndpoint('tcp:no-such-host.invalid:1'), 0), { code: 'ERR_HOST' });
  await assert.rejects(connect(parseEndpoint('tls:127.0.0.1:1'), 0), {
    code: 'ERR_TLS',
    message: 'tls:127.0.0.1:1 needs certificates, and none are given',
  });
});

function context(files: TlsFiles): TlsContext {
  return new TlsContext(files);
}

test('TLS: each end sees who the other is, and a stream that ends without the bye has failed', async (t) => {
  const [ours, theirs] = [new Authority(folder, 'ours'), new Authority(folder, 'theirs')];
  const good = ours.issue('good', ['127.0.0.1', 'localhost']);
  using receiver = context(good);
  using sender = context(good);
  using forged = context({ ...theirs.issue('forged', ['127.0.0.1']), ca: good.ca });
  using trusting = context({ ...good, ca: theirs.issue('other', []).ca });
  assert.throws(() => context({ ...good, key: join(folder, 'none') }), {
    code: 'ERR_TLS',
    message: /The key in .*none/,
  });
  assert.throws(() => context({ ...good, key: theirs.issue('x', []).key }), { code: 'ERR_TLS' });

  await using listener = await listen(parseEndpoint('ferry+tls:127.0.0.1:0'), { tls: receiver });
  const strangers: string[] = [];
  const collected = collectConnections(
    listener,
    { uuid, channels: 1, extended: true, onStranger: (_peer, { message }) => strangers.push(message) },
    patience,
  );
  const refused = { code: 'ERR_TLS', message: /certificate verify failed/ };
  await assert.rejects(connect(listener.endpoint, 0, { tls: trusting }), refused);
  await assert.rejects(connect(listener.endpoint, 0, { tls: sender, tlsHost: 'elsewhere' }), refused);
  // With no name to compare it with, any certificate of the authority would do
  const nobody = { code: 'ERR_TLS', message: /"" is no name or address/ };
  await assert.rejects(connect(listener.endpoint, 0, { tls: sender, tlsHost: '' }), nobody);
  await using unknown = await connect(listener.endpoint, 0, { tls: forged });
  const opening = { uuid, channels: 1, extended: true, id: 0 };
  await assert.rejects(openChannel(unknown, opening, patience), { code: 'ERR_TLS', message: /unknown ca/ });
  const plainEndpoint = { ...listener.endpoint, tls: false };
  await using plain = await connect(plainEndpoint, 0);
  await assert.rejects(openChannel(plain, opening, patience));

  await using main = await connect(listener.endpoint, 'main', { tls: sender, tlsHost: 'localhost' });
  const stream = main.stream('send');
  t.after(() => stream.destroy());
  stream.write('FRCT and more');
  const channel = await connect(listener.endpoint, 0, { tls: sender });
  await openChannel(channel, opening, patience);
  const all = await collected;
  assert.ok(
    strangers.some((message) => /certificate verify failed/.test(message)),
    String(strangers),
  );

  const incoming = all.main.stream('receive');
  t.after(async () => {
    incoming.destroy();
    for (const connection of [channel, ...all.channels]) await connection[Symbol.asyncDispose]();
  });
  const [first] = (await new Promise((resolve) => incoming.once('data', (...data) => resolve(data)))) as [
    Buffer,
  ];
  assert.equal(first.toString(), 'FRCT and more');
  incoming.write('heard');
  const [answer] = (await new Promise((resolve) => stream.once('data', (...data) => resolve(data)))) as [
    Buffer,
  ];
  assert.equal(answer.toString(), 'heard');
  // An orderly end, with a bye, and one without
  incoming.end();
  await new Promise((resolve) => stream.once('end', resolve).resume());
  const failed = new Promise<Error>((resolve) => {
    incoming.once('error', resolve);
    incoming.once('end', () => resolve(new Error('It ended in good order')));
  });
  main.shutdown();
  assert.match((await failed).message, /without the bye of TLS/);
  stream.destroy();

  const parcels = new Parcels({ producers: 1 });
  await using channels = await Channels.start({
    direction: 'receive',
    connections: all.channels,
    kinds: [parcels.kind],
    extended: true,
    checksum: false,
  });
  channel.sendNow(parcelPacket(parcels.start, 0, 0));
  channel.shutdown();
  await channel[Symbol.asyncDispose]();
  await assert.rejects(channels.finish(patience), {
    code: 'ERR_TLS',
    message: /^Channel 0, byte \d+: the stream ended without the bye of TLS/,
  });
  assert.equal(parcels.came, 1);
});
