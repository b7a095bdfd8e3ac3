/** Streams that real QEMUs wrote, played to the receiver: as they are, and with something wrong in each. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BlockMemory, QemuReceiver, type QemuReceiverOptions } from '../../../src/machine/index.ts';
import { encodeEvent, type StreamEvent } from '../../../src/qemu-stream/index.ts';
import { GOLDEN_PAGE, Golden, goldenMemory } from '../../support/engine/golden.ts';
import { eventsOf, PlayedSource, type Script, scriptOf } from './source.ts';

/** Bytes of a hello, and of a RAM packet's header. */
const HELLO = 64;
const HEADER = 1344;

let folder: string;
let count = 0;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-qemu-'));
});

after(() => rmSync(folder, { recursive: true }));

interface Played extends Script {
  readonly method: 'none' | 'zlib' | 'zstd';
}

function script(version: '10.0' | '11.1', name: string): Played {
  const golden = new Golden(version);
  const capture = golden.manifest.captures.find((one) => one.name === name);
  assert.ok(capture !== undefined, `there is no capture ${name}`);
  return { ...scriptOf(golden, capture), method: capture.method };
}

async function receive(played: Played, options: Partial<QemuReceiverOptions> = {}, holds = false) {
  const path = join(folder, String(count++));
  await using receiver = await QemuReceiver.listen({
    endpoint: `unix:${path}`,
    channels: played.channels.length,
    method: played.method,
    ...options,
  });
  const receiving = receiver.receive({ deadline: 20_000 });
  // The rejection is looked at when everything was played
  receiving.catch(() => undefined);
  await using source = await PlayedSource.play(path, played, holds);
  return { received: await receiving, said: source.said };
}

for (const [version, name] of [
  ['10.0', 'none none 4'],
  ['10.0', 'none zlib 1'],
  ['11.1', 'none zstd 4'],
] as const)
  test(`what QEMU ${version} wrote, ${name}, arrives whole`, async () => {
    const played = script(version, name);
    const { received, said } = await receive(played);
    using machine = received;
    assert.ok(goldenMemory().equals(machine.memory.bytes('ram')), 'RAM differs');
    assert.equal(machine.neverSent, 0);
    assert.equal(machine.machine, 'none');
    assert.deepEqual(said, [], 'something was said without a return path');
    const bytes = [played.main, ...played.channels].reduce((sum, { length }) => sum + length, 0);
    assert.equal(machine.bytes, bytes - HELLO * played.channels.length);
  });

test('memory that held something else before holds what arrives', async () => {
  using memory = new BlockMemory();
  memory.add('ram', goldenMemory().length);
  memory.bytes('ram').fill(0xa5);
  memory.fresh = false;
  for (let round = 0; round < 2; round++) {
    const { received } = await receive(SMALL, { memory });
    received[Symbol.dispose]();
    assert.ok(goldenMemory().equals(memory.bytes('ram')), 'RAM differs');
  }
});

const FOUR = script('11.1', 'none none 4');
const ONE = script('11.1', 'none none 1');
/** The shortest. */
const SMALL = script('11.1', 'none zstd 1');
const EVENTS = eventsOf(SMALL.main);

const block = { name: 'ram', length: goldenMemory().length };

/** A main stream with its events changed. */
function main(change: (events: StreamEvent[]) => (StreamEvent | Uint8Array)[]): Played {
  const bytes = change([...EVENTS]).map((one) => (one instanceof Uint8Array ? one : encodeEvent(one)));
  return { ...SMALL, main: Buffer.concat(bytes) };
}

/** One channel with its bytes changed. */
function channel(change: (bytes: Buffer) => Uint8Array, of = ONE, id = 0): Played {
  return { ...of, channels: of.channels.map((bytes, i) => (i === id ? change(Buffer.from(bytes)) : bytes)) };
}

test('pages that the source finds to be zero later are zero here', async () => {
  const expected = goldenMemory();
  const offsets = Float64Array.of(GOLDEN_PAGE, 2 * GOLDEN_PAGE, 5 * GOLDEN_PAGE);
  for (const offset of offsets) {
    assert.ok(expected.subarray(offset, offset + GOLDEN_PAGE).some((byte) => byte !== 0));
    expected.fill(0, offset, offset + GOLDEN_PAGE);
  }
  // Behind the second barrier: all pages of the first pass are there
  const at = EVENTS.findIndex((event, i) => event.type === 'flush' && EVENTS.slice(0, i).some(isFlush)) + 1;
  const zeroes = { type: 'zero-pages', block, named: true, offsets, count: 3 } as const;
  const { received } = await receive(main((events) => events.toSpliced(at, 0, zeroes)));
  using machine = received;
  assert.ok(expected.equals(machine.memory.bytes('ram')), 'RAM differs');
});

function isFlush({ type }: StreamEvent): boolean {
  return type === 'flush';
}

interface Row {
  readonly what: string;
  readonly played: Played;
  readonly code: string;
  readonly says: RegExp;
  readonly options?: Partial<QemuReceiverOptions>;
  /** The connections stay open. */
  readonly holds?: true;
}

const QUICK = { timings: { idle: 400, stall: 300 } };
const lastFlush = EVENTS.findLastIndex(({ type }) => type === 'flush');
const firstPage = EVENTS.findIndex(({ type }) => type === 'part') + 1;

const ROWS: readonly Row[] = [
  {
    what: 'a page in the main stream',
    played: main((events) =>
      events.toSpliced(firstPage, 0, {
        type: 'page',
        block,
        named: true,
        offset: 0,
        bytes: new Uint8Array(GOLDEN_PAGE),
      }),
    ),
    code: 'ERR_QEMU_PAGES',
    says: /A page of ram came in the main stream/,
  },
  {
    what: 'shared memory that the source keeps',
    played: main(([prologue, ...rest]) => [
      {
        ...(prologue as StreamEvent & { type: 'prologue' }),
        subsections: [{ name: 'capabilities', capabilities: ['x-ignore-shared'] }],
      },
      ...rest,
    ]),
    code: 'ERR_QEMU_PAGES',
    says: /x-ignore-shared/,
  },
  {
    what: 'another machine',
    played: main(([prologue, ...rest]) => [
      {
        ...(prologue as StreamEvent & { type: 'prologue' }),
        subsections: [{ name: 'uuid', uuid: new Uint8Array(16).fill(1) }],
      },
      ...rest,
    ]),
    options: { uuid: new Uint8Array(16) },
    code: 'ERR_QEMU_UUID',
    says: /01010101010101010101010101010101, expected 0{32}/,
  },
  {
    what: 'an end without RAM',
    played: main((events) => [events[0]!, events.at(-1)!]),
    code: 'ERR_QEMU_UNSUPPORTED',
    says: /sends its state before the end of ram/,
  },
  {
    what: 'a flush too many',
    played: main((events) => events.toSpliced(lastFlush, 0, { type: 'flush' })),
    code: 'ERR_CHANNEL_CUT',
    says: /has ended at barrier 3; barrier 4 was expected/,
  },
  {
    what: 'a flush too many, and a source that waits',
    played: main((events) => events.toSpliced(lastFlush, 0, { type: 'flush' })),
    options: QUICK,
    holds: true,
    code: 'ERR_DEADLINE',
    says: /Barrier 4.*within 300 ms/,
  },
  {
    what: 'a SYNC too few, on one channel',
    played: channel((bytes) => bytes.subarray(0, -HEADER), FOUR, 2),
    code: 'ERR_CHANNEL_CUT',
    says: /Channel 2 has ended at barrier 2; barrier 3 was expected/,
  },
  {
    what: 'a flush too few',
    played: main((events) => events.toSpliced(lastFlush, 1)),
    options: QUICK,
    code: 'ERR_(QEMU_BARRIER|DEADLINE)',
    says: /Channel \d has 3 SYNC packets, the main stream has 2 barriers|channels.*barrier 3/,
  },
  {
    what: 'pages behind the last barrier',
    played: channel((bytes) =>
      Buffer.concat([bytes, bytes.subarray(HELLO + HEADER, HELLO + 2 * HEADER + pagesAt(bytes))]),
    ),
    code: 'ERR_QEMU_BARRIER',
    says: /1 packets came behind the last barrier/,
  },
  {
    what: 'a channel that ends within a packet',
    played: channel((bytes) => bytes.subarray(0, -10)),
    code: 'ERR_CHANNEL_CUT',
    says: /[Cc]hannel 0/,
  },
  {
    what: 'pages of a block that is not there',
    played: channel((bytes) => {
      bytes.write('rom', HELLO + HEADER + 64, 'latin1');
      return bytes;
    }),
    code: 'ERR_PACKET_BLOCK',
    says: /no RAM block "rom"/,
  },
  {
    what: 'a main stream that ends early',
    played: { ...SMALL, main: SMALL.main.subarray(0, 120) },
    code: 'ERR_QEMU_TRUNCATED',
    says: /the stream ended/,
  },
  {
    what: 'a main stream that stops within a section',
    played: { ...SMALL, main: SMALL.main.subarray(0, 60) },
    options: QUICK,
    holds: true,
    code: 'ERR_DEADLINE',
    says: /The next byte of QEMU's main stream \(byte \d+\) did not happen within 300 ms/,
  },
  {
    what: 'a source that does not go after the end',
    played: SMALL,
    options: QUICK,
    holds: true,
    code: 'ERR_DEADLINE',
    says: /The end of QEMU's main stream/,
  },
];

/** Bytes of pages of the packet behind the first one. */
function pagesAt(bytes: Buffer): number {
  return bytes.readUInt32BE(HELLO + HEADER + 16) * GOLDEN_PAGE;
}

for (const { what, played, code, says, options, holds } of ROWS)
  test(`refused: ${what}`, async () => {
    await assert.rejects(receive(played, options, holds), (error: Error & { code?: string }) => {
      assert.match(error.code ?? '', new RegExp(`^${code}$`), error.message);
      assert.match(error.message, says);
      return true;
    });
  });

test('refused: channels of another machine', async () => {
  const path = join(folder, 'another');
  const turnedAway: Error[] = [];
  await using receiver = await QemuReceiver.listen({
    endpoint: `unix:${path}`,
    channels: 1,
    collectMs: 500,
    uuid: new Uint8Array(16).fill(1),
    onStranger: (_peer, why) => turnedAway.push(why),
  });
  // All of it is there before anybody waits for it
  await using _source = await PlayedSource.play(path, SMALL, true);
  await assert.rejects(receiver.receive(), {
    code: 'ERR_QEMU_CONNECTIONS',
    message:
      /channels 0 did not happen within 500 ms; turned away, as the last one, was .*hello\.uuid.*0{8}-.*expected 01010101-/,
  });
  assert.equal(turnedAway.length, 1);
});

test('refused: memory of another size', async () => {
  using memory = new BlockMemory();
  memory.add('ram', GOLDEN_PAGE);
  await assert.rejects(receive(SMALL, { memory }), { code: 'ERR_BLOCK' });
});

test('nobody comes: there is a deadline; a receiver that is given up says so', async () => {
  const endpoint = `unix:${join(folder, 'nobody')}`;
  const receiver = await QemuReceiver.listen({ endpoint, channels: 2 });
  await assert.rejects(receiver.receive({ deadline: 50 }), { code: 'ERR_DEADLINE' });
  const waiting = assert.rejects(receiver.receive(), { code: 'ERR_QEMU_RECEIVER' });
  await receiver[Symbol.asyncDispose]();
  await waiting;
  await assert.rejects(QemuReceiver.listen({ endpoint: 'ferry+tcp:127.0.0.1:0', channels: 2 }), {
    code: 'ERR_ENDPOINT',
  });
});
