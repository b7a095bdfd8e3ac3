/** States that are no states, and front ends that send them badly: refused, and the device serves on as it was. */
import assert from 'node:assert/strict';
import { openSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Section, StateWriter } from '../../src/state/index.ts';
import { createEventfd, createSocketPair, Fd } from '../../src/sys/index.ts';
import { FrontEndRequest, ProtocolFeature } from '../../src/vhost-user/index.ts';
import { SmallGuest, saveState } from '../support/device/guest.ts';
import { RawFrontEnd, waitClosed, writeAll } from '../support/device/raw-front-end.ts';
import { Served, testFolder } from '../support/device/served.ts';

const ADD = 1;
const READ = 2;
const MIB = 1024 * 1024;

const folder = testFolder();
let served: Served;
/** A good state, with a total of 1000, and what the device itself has. */
let good: Uint8Array;
let held = 0;
const TOTAL = 5n;

before(async () => {
  served = await Served.start(folder.path, {
    device: 'tally',
    options: 1000,
    settings: { stall: 400, transfer: 3_000, maxState: 8 * MIB },
  });
  using guest = new SmallGuest();
  guest.attach(served.path).start();
  guest.stop();
  good = saveState(guest.frontEnd);
  await served[Symbol.asyncDispose]();
  served = await Served.start(folder.path, {
    device: 'tally',
    settings: { stall: 400, transfer: 3_000, maxState: 8 * MIB },
  });
  guest.attach(served.path).start();
  guest.ask(ADD, Number(TOTAL));
  guest.detach();
  held = descriptors();
});

after(async () => {
  await served[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Descriptors of the serving process while one front end is connected, and has been heard. */
function descriptors(): number {
  using raw = new RawFrontEnd(served.path);
  assert.ok(raw.ping());
  return readdirSync(`/proc/${served.process.pid}/fd`).length;
}

/** What the device has, as a guest sees it that connects now without resetting it. */
function total(): bigint {
  using guest = new SmallGuest();
  guest.attach(served.path, { protocolFeatures: ProtocolFeature.MQ | ProtocolFeature.REPLY_ACK }).start();
  const found = guest.ask(READ);
  guest.stop();
  return found;
}

function refused(name: string, act: (raw: RawFrontEnd) => void): void {
  test(name, () => {
    using raw = new RawFrontEnd(served.path);
    act(raw);
    assert.ok(raw.ping(), 'the session has gone');
    raw[Symbol.dispose]();
    assert.equal(total(), TOTAL);
  });
}

refused('an empty state', (raw) => assert.equal(raw.load(new Uint8Array(0)), 1n));

refused('a state cut at any byte', (raw) => {
  for (let length = 1; length < good.length; length++)
    assert.equal(raw.load(good.subarray(0, length)), 1n, `${length} bytes`);
});

refused('a state with any byte changed', (raw) => {
  for (let at = 0; at < good.length; at++) {
    const damaged = good.slice();
    damaged[at]! ^= 0x40;
    assert.equal(raw.load(damaged), 1n, `byte ${at}`);
  }
});

refused('a state with a byte more', (raw) =>
  assert.equal(raw.load(new Uint8Array(Buffer.concat([good, new Uint8Array(1)]))), 1n),
);

refused('two states at once', (raw) =>
  assert.equal(raw.load(new Uint8Array(Buffer.concat([good, good]))), 1n),
);

refused('4 GiB of zeroes, given up early', (raw) => {
  using channel = raw.beginPipe('load');
  const zeroes = new Uint8Array(4 * MIB);
  let sent = 0;
  while (sent < 4096 * MIB) {
    const went = writeAll(channel, zeroes);
    sent += went;
    if (went < zeroes.length) break;
  }
  assert.ok(sent < 64 * MIB, `${sent} bytes were taken`);
  channel[Symbol.dispose]();
  assert.equal(raw.check(), 1n);
});

const noise: Section = { name: 'noise', version: 1, required: false };
const total1: Section = { name: 'total', version: 1, required: true };
const tally = { device: 'tally', virtioId: 63, stateVersion: 1, features: 0n };

function stream(write: (writer: StateWriter) => void, identity = tally): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new StateWriter({ write: (bytes) => void pieces.push(bytes.slice()) }, identity);
  write(writer);
  writer.close();
  return new Uint8Array(Buffer.concat(pieces));
}

refused('a writer that never ends', (raw) => {
  using channel = raw.beginPipe('load');
  const chunk = new Uint8Array(MIB - 64);
  let sent = 0;
  let open = true;
  const writer = new StateWriter(
    {
      write: (bytes) => {
        const went = open ? writeAll(channel, bytes) : 0;
        sent += went;
        open &&= went === bytes.length;
      },
    },
    tally,
  );
  while (open && sent < 100 * MIB) writer.write(noise, chunk);
  assert.ok(sent <= 12 * MIB, `${sent} bytes were taken`);
  channel[Symbol.dispose]();
  assert.equal(raw.check(), 1n);
});

refused('a writer that stalls, while questions are answered', (raw) => {
  using channel = raw.beginPipe('load');
  writeAll(channel, good.subarray(0, 100));
  const start = performance.now();
  assert.ok(raw.ping());
  assert.ok(performance.now() - start < 300, 'the question waited for the state');
  waitClosed(channel);
  assert.ok(performance.now() - start < 5_000, 'the back end waited for longer than it may');
  assert.equal(raw.check(), 1n);
});

refused('CHECK before the end of the state', (raw) => {
  using channel = raw.beginPipe('load');
  writeAll(channel, good.subarray(0, 200));
  const start = performance.now();
  assert.equal(raw.check(), 1n);
  assert.ok(performance.now() - start < 300, 'the answer waited for a deadline');
  assert.equal(raw.check(), 1n);
});

refused('a section that has to be known and is not', (raw) =>
  assert.equal(raw.load(stream((writer) => writer.write({ ...noise, name: 'future', required: true }))), 1n),
);

refused('a section of a later version', (raw) =>
  assert.equal(raw.load(stream((writer) => writer.write({ ...total1, version: 2 }, new Uint8Array(8)))), 1n),
);

refused('the state of another device', (raw) => {
  const records = (writer: StateWriter) => writer.write(total1, new Uint8Array(8));
  assert.equal(raw.load(stream(records, { ...tally, device: 'fs' })), 1n);
  assert.equal(raw.load(stream(records, { ...tally, virtioId: 26 })), 1n);
  assert.equal(raw.load(stream(records, { ...tally, stateVersion: 2 })), 1n);
  assert.equal(raw.load(stream(records, { ...tally, features: 1n << 35n })), 1n);
});

refused('a payload that the device cannot take', (raw) => {
  assert.equal(raw.load(stream((writer) => writer.write(total1, new Uint8Array(7)))), 1n);
  assert.equal(raw.load(stream(() => undefined)), 1n);
});

refused('records that the device leaves unread', (raw) =>
  assert.equal(
    raw.load(
      stream((writer) => {
        writer.write(total1, new Uint8Array(8));
        writer.write(total1, new Uint8Array(8));
      }),
    ),
    1n,
  ),
);

refused('queues that the device has not, or that come twice', (raw) => {
  const queue: Section = { name: 'ferry.queue', version: 1, required: true };
  const record = (index: number, next: number, ...parked: number[]) => {
    const bytes = new Uint8Array(new Uint16Array([index, next, parked.length, 0, ...parked]).buffer);
    return (writer: StateWriter) => writer.write(queue, bytes);
  };
  const records = [[record(1, 0)], [record(0, 0), record(0, 0)], [record(0, 9, 300)], [record(0, 9, 3, 3)]];
  for (const list of records)
    assert.equal(
      raw.load(
        stream((writer) => {
          for (const write of list) write(writer);
          writer.write(total1, new Uint8Array(8));
        }),
      ),
      1n,
    );
});

refused('channels of other kinds', (raw) => {
  using zero = new Fd(openSync('/dev/zero', 'r'), '/dev/zero');
  using empty = new Fd(openSync('/dev/null', 'r'), '/dev/null');
  using directory = new Fd(openSync('/', 'r'), '/');
  using event = createEventfd('eventfd');
  for (const channel of [zero, empty, directory, event]) {
    assert.equal(raw.begin('load', channel), 0x100n, channel.name);
    // An eventfd that nobody signals is given up by CHECK
    assert.equal(raw.check(), 1n, channel.name);
  }
  using writeOnly = new Fd(openSync('/dev/null', 'w'), '/dev/null');
  assert.equal(raw.begin('load', writeOnly), 0x101n);
  assert.equal(raw.check(), 1n);
});

test('the front end’s own connection as the channel costs it the connection', () => {
  using raw = new RawFrontEnd(served.path);
  raw.send(FrontEndRequest.SET_DEVICE_STATE_FD, new Uint8Array(8), [raw.socket]);
  assert.equal(raw.receive().value, 0x100n);
  assert.ok(raw.hungUp());
  raw[Symbol.dispose]();
  assert.equal(total(), TOTAL);
});

test('CHECK twice, CHECK without a transfer, a transfer in place of another', () => {
  using raw = new RawFrontEnd(served.path);
  assert.equal(raw.check(), 1n);
  using first = raw.beginPipe('load');
  writeAll(first, good);
  first[Symbol.dispose]();
  assert.ok(raw.ping());
  using second = raw.beginPipe('load');
  writeAll(second, good.subarray(0, 50));
  using third = raw.beginPipe('save');
  waitClosed(second);
  third[Symbol.dispose]();
  raw.check();
  assert.equal(raw.check(), 1n);
  raw[Symbol.dispose]();
  assert.equal(total(), TOTAL);
});

for (const [step, act] of [
  ['right after it was begun', () => undefined],
  ['in the middle', (channel: Fd) => writeAll(channel, good.subarray(0, 150))],
  ['before it is checked', (channel: Fd) => writeAll(channel, good)],
] as const)
  test(`a front end that goes away ${step}`, () => {
    using raw = new RawFrontEnd(served.path);
    using channel = raw.beginPipe('load');
    act(channel);
    if (step.startsWith('before')) {
      channel[Symbol.dispose]();
      assert.ok(raw.ping());
    }
    raw[Symbol.dispose]();
    assert.equal(total(), TOTAL);
  });

test('RESET_DEVICE between the state and its check drops the state', () => {
  using raw = new RawFrontEnd(served.path);
  using channel = raw.beginPipe('load');
  writeAll(channel, good);
  channel[Symbol.dispose]();
  assert.ok(raw.ping());
  raw.send(FrontEndRequest.RESET_DEVICE);
  assert.equal(raw.check(), 1n);
  raw[Symbol.dispose]();
  assert.equal(total(), TOTAL);
});

test('a good state over a socket pair becomes the live one only when it is checked', () => {
  using raw = new RawFrontEnd(served.path);
  const [ours, theirs] = createSocketPair('state');
  using _ours = ours;
  assert.equal(raw.begin('load', theirs), 0x100n);
  theirs[Symbol.dispose]();
  writeAll(ours, good);
  ours[Symbol.dispose]();
  assert.ok(raw.ping());
  assert.equal(raw.check(), 0n);
  raw[Symbol.dispose]();
  assert.equal(total(), 1000n);
});

test('the process still runs, and kept nothing that it was given', () => {
  assert.equal(served.process.exit, undefined);
  assert.equal(descriptors(), held);
});
