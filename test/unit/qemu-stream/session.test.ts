import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import {
  encodeReturnMessage,
  type IncomingOptions,
  IncomingStream,
  type ReturnMessage,
  ReturnPath,
  StreamError,
} from '../../../src/qemu-stream/index.ts';
import { encode, parts, WHOLE } from './streams.ts';

interface Pair {
  readonly source: Duplex;
  readonly stream: IncomingStream;
  /** What the source heard. */
  readonly said: ReturnMessage[];
}

/** A source's end of a connection, and what reads at the other. */
function pair(options: IncomingOptions = {}): Pair {
  const [source, destination] = duplexPair();
  const said: ReturnMessage[] = [];
  const path = new ReturnPath();
  source.on('data', (chunk: Buffer) => said.push(...path.feed(chunk)));
  return { source, stream: new IncomingStream(destination, options), said };
}

async function types(stream: IncomingStream, onDevices: () => unknown = () => undefined): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of stream.events()) {
    seen.push(event.type);
    if (event.type === 'devices') await onDevices();
  }
  return seen;
}

test('a whole stream is read, PING is answered, and the source hears that all has arrived', async () => {
  const { source, stream, said } = pair();
  source.write(encode(...WHOLE));
  const seen = await types(stream, async () => {
    assert.deepEqual(said, [{ type: 'PONG', value: 1 }]);
    await stream.acknowledgeSwitchover();
    await stream.shut(0);
    await stream.shut(1);
    source.end();
  });
  assert.equal(seen.length, WHOLE.length);
  assert.ok(stream.hasReturnPath);
  assert.equal(stream.bytes, encode(...WHOLE).length);
  assert.deepEqual(said, [
    { type: 'PONG', value: 1 },
    { type: 'SWITCHOVER_ACK' },
    { type: 'SHUT', error: 0 },
  ]);
});

test('without a return path nothing is said', async () => {
  const { source, stream, said } = pair();
  source.end(encode(...WHOLE.filter(({ type }) => type !== 'command')));
  await types(stream, () => stream.shut(0));
  assert.ok(!stream.hasReturnPath);
  assert.deepEqual(said, []);
});

test('a PING before the return path is open is refused', async () => {
  const { source, stream } = pair();
  source.write(encode(parts.prologue, parts.ping));
  await assert.rejects(types(stream), { code: 'ERR_QEMU_COMMAND' });
});

test('a source that says nothing more is not waited for, neither between sections nor within one', async () => {
  const timings = { idle: 40, stall: 20 };
  const between = pair({ timings });
  between.source.write(encode(...WHOLE.slice(0, 3)));
  await assert.rejects(types(between.stream), { code: 'ERR_DEADLINE', message: /within 40 ms/ });
  const within = pair({ timings });
  within.source.write(encode(...WHOLE.slice(0, 5)));
  await assert.rejects(types(within.stream), { code: 'ERR_DEADLINE', message: /within 20 ms/ });
  const after = pair({ timings });
  after.source.write(encode(...WHOLE));
  await assert.rejects(types(after.stream), {
    code: 'ERR_DEADLINE',
    message: /The end of QEMU's main stream/,
  });
});

test('where the description does not fit, that is said and not that nothing more came', async () => {
  const { source, stream } = pair({ timings: { idle: 40, stall: 20 } });
  const description = Buffer.from('{"devices": []}');
  source.write(encode(...WHOLE.slice(0, -1), { ...parts.devices, description }));
  await assert.rejects(types(stream), (error) => {
    assert.ok(error instanceof StreamError);
    assert.equal(error.code, 'ERR_QEMU_DESCRIPTION');
    return true;
  });
});

test('a signal ends the wait with its reason, and a connection that breaks is named', async () => {
  const abort = new AbortController();
  const stopped = pair({ signal: abort.signal });
  const reason = new Error('enough');
  const refused = assert.rejects(types(stopped.stream), (error) => error === reason);
  abort.abort(reason);
  await refused;
  const [, destination] = duplexPair();
  const broken = assert.rejects(types(new IncomingStream(destination)), {
    code: 'ERR_QEMU_TRUNCATED',
    message: /connection: broke: reset/,
  });
  destination.destroy(new Error('reset'));
  await broken;
});

test('a source that asks and does not listen cannot fill memory: it is given up', async () => {
  const [source, destination] = duplexPair({ highWaterMark: 256 });
  const stream = new IncomingStream(destination, { timings: { idle: 100, stall: 50 } });
  source.write(
    encode(parts.prologue, parts.openReturnPath, ...Array.from({ length: 500 }, () => parts.ping)),
  );
  await assert.rejects(types(stream), { code: 'ERR_DEADLINE', message: /sending PONG/ });
  assert.ok(destination.writableLength < 1024);
});

test('the return path is read in pieces, and what cannot be in it is refused', () => {
  const messages: ReturnMessage[] = [
    { type: 'PONG', value: 0xffff_ffff },
    { type: 'SWITCHOVER_ACK' },
    { type: 'SHUT', error: 1 },
  ];
  const bytes = Buffer.concat(messages.map(encodeReturnMessage));
  const path = new ReturnPath();
  assert.deepEqual(
    Array.from(bytes).flatMap((byte) => path.feed(Uint8Array.of(byte))),
    messages,
  );
  for (const [hex, says] of [
    ['00020201', /message 2 with 513 bytes, at most 512/],
    ['00020005', /PONG with 5 bytes, expected 4/],
    ['00040000', /REQ_PAGES, which only postcopy has/],
    ['00000000', /message 0 is none/],
    ['00080000', /message 8 is none/],
  ] as const)
    assert.throws(() => new ReturnPath().feed(Buffer.from(hex, 'hex')), {
      code: 'ERR_QEMU_RETURN_PATH',
      message: says,
    });
});
