/** What broke other back ends, a thousand times each, against a device in a process of its own: it serves on, and keeps nothing. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createEventfd, createPipe, type Fd, sendMessage } from '../../../src/sys/index.ts';
import { RawFrontEnd } from '../../support/device/raw-front-end.ts';
import { Served, testFolder } from '../../support/device/served.ts';
import {
  addressBytes,
  ints,
  joined,
  RAM_SIZE,
  regionBytes,
  sealedMemfd,
  u64,
  words,
} from '../../support/vhost-user-rig.ts';

const TIMES = 1000;
const MIB = 1024 * 1024;
const folder = testFolder();
let served: Served;
let memory: Fd;
let event: Fd;
let pipe: { read: Fd; write: Fd };

before(async () => {
  memory = sealedMemfd('memory', RAM_SIZE);
  event = createEventfd('event');
  pipe = createPipe('pipe');
  served = await Served.start(folder.path, { device: 'tally' });
});

after(async () => {
  await served[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
  for (const fd of [memory, event, pipe.read, pipe.write]) fd[Symbol.dispose]();
});

/** Descriptors and shared mappings of the serving process once nobody but a fresh front end is connected. */
function held(): { fds: number; mappings: number } {
  using raw = new RawFrontEnd(served.path);
  assert.ok(raw.ping());
  const { pid } = served.process;
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('memfd:')).length,
  };
}

/** Bytes that the serving process has in memory of its own. */
function resident(): number {
  const status = readFileSync(`/proc/${served.process.pid}/status`, 'latin1');
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

function message(id: number, payload: Uint8Array, flags = 1, size = payload.length): Uint8Array {
  return joined(ints(id, flags, size), payload);
}

const none = new Uint8Array(0);

/** Framing stays intact: every one is sent on the same connection, which serves on. */
const refused: [what: string, id: number, payload: Uint8Array, fds?: () => readonly Fd[]][] = [
  ['an unknown request', 77, u64(1)],
  ['features that were not offered', 2, u64(2n ** 64n - 1n)],
  ['ring 99', 8, ints(99, 16)],
  ['a ring number cut to 16 bits', 8, ints(0x10000, 16)],
  ['a ring number cut to 8 bits', 11, ints(256, 0)],
  ['a ring of 0 entries', 8, ints(0, 0)],
  ['a ring of 65536 entries', 8, ints(0, 65536)],
  ['SET_VRING_NUM with three descriptors', 8, ints(0, 16), () => [event, memory, event]],
  ['enabled with 2', 18, ints(0, 2)],
  ['a kick with three descriptors', 12, u64(0), () => [event, event, event]],
  ['a kick without one', 12, u64(0)],
  ['a kick that is a file', 12, u64(0), () => [memory]],
  ['a call that is a pipe', 13, u64(0), () => [pipe.write]],
  ['unmapped ring addresses', 9, addressBytes(0, 0x1000, 16)],
  ['a table of 9 regions', 5, joined(ints(9, 0), new Uint8Array(256)), () => Array(8).fill(memory)],
  ['a region without a descriptor', 5, joined(ints(1, 0), words(0, 0x1000, 0, 0))],
  ['a region beyond its file', 37, regionBytes(0, RAM_SIZE + 1), () => [memory]],
  ['a region that wraps', 37, regionBytes(2n ** 64n - 4096n, 8192), () => [memory]],
  ['a region in an eventfd', 37, regionBytes(0, 4096), () => [event]],
  ['removal of what is not there', 38, regionBytes(0, 4096), () => [memory]],
  ['an empty log', 6, words(0, 0), () => [memory]],
  ['a log that wraps', 6, words(2n ** 64n - 8n, 16), () => [memory]],
  ['state without a descriptor', 42, ints(0, 0)],
  ['state in direction 2', 42, ints(2, 0), () => [pipe.write]],
  ['state in phase 1', 42, ints(0, 1), () => [pipe.write]],
  ['state through the wrong end', 42, ints(0, 0), () => [pipe.read]],
  ['a check of nothing', 43, none],
  ['300 bytes of configuration', 24, joined(ints(0, 300, 0), new Uint8Array(300))],
  ['an inflight region nobody negotiated', 31, new Uint8Array(24), () => [memory]],
  ['reserved flags', 3, none],
];

describe('refused, and the connection goes on', () => {
  for (const [what, id, payload, fds = () => []] of refused)
    test(what, () => {
      const before = held();
      using raw = new RawFrontEnd(served.path);
      const bytes = message(id, payload, what === 'reserved flags' ? 0x101 : 1);
      const numbers = fds().map((fd) => fd.number);
      // Replies of 6, 24, 42 and 43 have to be read, or the back end would stop reading in turn
      const hasReply = [6, 11, 24, 31, 42, 43].includes(id);
      for (let turn = 0; turn < TIMES; turn++) {
        assert.equal(sendMessage(raw.socket, bytes, numbers), bytes.length);
        if (hasReply) assert.equal(raw.receive().id, id);
      }
      assert.ok(raw.ping());
      raw[Symbol.dispose]();
      assert.deepEqual(held(), before);
    });

  test('a ring set up and given up', () => {
    const before = held();
    using raw = new RawFrontEnd(served.path);
    raw.send(37, regionBytes(0, RAM_SIZE), [memory]);
    raw.send(2, u64((1n << 30n) | (1n << 32n)));
    for (let turn = 0; turn < TIMES; turn++) {
      raw.send(8, ints(0, 16));
      raw.send(9, addressBytes(0, 0x1000, 16));
      raw.send(13, u64(0n), [event]);
      raw.send(12, u64(0n), [event]);
      assert.equal(raw.ask(11, ints(0, 0)), 0n);
    }
    raw[Symbol.dispose]();
    assert.deepEqual(held(), before);
  });
});

/** Framing is lost, or the front end goes: a thousand connections. */
const lost: [what: string, bytes: Uint8Array, fds?: () => readonly Fd[]][] = [
  ['version 2', message(1, none, 2), () => [event]],
  ['4 GiB of payload', message(2, none, 1, 0xffffffff), () => [event]],
  ['5000 bytes of payload', message(2, none, 1, 5000)],
  ['the end within a header', ints(1, 1), () => [event, memory]],
  ['the end within a payload', message(37, new Uint8Array(20), 1, 40), () => [memory]],
  ['the end right after memory was given', message(37, regionBytes(0, RAM_SIZE), 1), () => [memory]],
  ['the end in the middle of a save', message(42, ints(0, 0)), () => [pipe.write]],
  ['the end in the middle of a load', message(42, ints(1, 0)), () => [pipe.read]],
];

describe('the connection ends, the next one is served', () => {
  for (const [what, bytes, fds = () => []] of lost)
    test(what, () => {
      const before = held();
      for (let turn = 0; turn < TIMES / 4; turn++) {
        using raw = new RawFrontEnd(served.path);
        sendMessage(
          raw.socket,
          bytes,
          fds().map((fd) => fd.number),
        );
      }
      assert.deepEqual(held(), before);
    });
});

test('none of it made the process grow', () => {
  const before = resident();
  for (let turn = 0; turn < 20; turn++) {
    using raw = new RawFrontEnd(served.path);
    for (let i = 0; i < TIMES; i++)
      sendMessage(raw.socket, message(77, new Uint8Array(4096)), [event.number]);
    assert.ok(raw.ping());
  }
  const grown = resident() - before;
  assert.ok(grown < 64 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
  assert.equal(served.process.exit, undefined);
});
