import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  acceptUnix,
  connectUnix,
  createEventfd,
  createMemfd,
  createPipe,
  createSocketPair,
  drainEventfd,
  type Fd,
  listenUnix,
  liveResources,
  mapShared,
  PAGE_SIZE,
  Poll,
  PollSet,
  peerCredentials,
  punchHole,
  readInto,
  receiveMessage,
  Seal,
  sendMessage,
  signalEventfd,
  WOULD_BLOCK,
  writeFromAddress,
} from '../../src/sys/index.ts';

const held = liveResources().length;
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-sys-'));
});
after(() => {
  rmSync(folder, { recursive: true });
  assert.equal(liveResources().length, held);
});

test('a descriptor sent over a socket arrives, owned and close-on-exec, with the bytes it came with', () => {
  const [left, right] = createSocketPair('pair');
  using _left = left;
  using _right = right;
  using event = createEventfd('event');
  const received: Fd[] = [];
  const into = new Uint8Array(16);
  assert.equal(sendMessage(left, new Uint8Array([1, 2, 3]), [event.number, event.number]), 3);
  assert.equal(receiveMessage(right, into, received), 3);
  assert.deepEqual([...into.subarray(0, 3)], [1, 2, 3]);
  assert.equal(received.length, 2);
  using first = received[0]!;
  using _second = received[1]!;
  signalEventfd(event.number);
  assert.equal(drainEventfd(first.number), true);
  assert.equal(drainEventfd(first.number), false);
  assert.equal(receiveMessage(right, into, received, { dontWait: true }), WOULD_BLOCK);
});

test('two mappings of one memfd see the same bytes, and a punched hole reads as zeroes', () => {
  using fd = createMemfd('memory', 4 * PAGE_SIZE);
  using one = mapShared(fd, 0, 4 * PAGE_SIZE);
  using two = mapShared(fd, PAGE_SIZE, PAGE_SIZE);
  one.bytes[PAGE_SIZE + 5] = 77;
  assert.equal(two.bytes[5], 77);
  punchHole(fd, PAGE_SIZE, PAGE_SIZE);
  assert.equal(two.bytes[5], 0);
});

test('a range beyond the end of its file is refused before it can be touched', () => {
  using fd = createMemfd('short', PAGE_SIZE);
  assert.throws(() => mapShared(fd, PAGE_SIZE, PAGE_SIZE), { code: 'ERR_BEYOND_END' });
});

test('a mapping and a descriptor that were given back refuse to be used', () => {
  const fd = createMemfd('gone', PAGE_SIZE);
  const mapping = mapShared(fd, 0, PAGE_SIZE);
  mapping[Symbol.dispose]();
  mapping[Symbol.dispose]();
  fd[Symbol.dispose]();
  fd[Symbol.dispose]();
  assert.throws(() => mapping.bytes, { code: 'ERR_UNMAPPED' });
  assert.throws(() => fd.number, { code: 'ERR_SYSTEM' });
});

test('seals of a memfd are seen', () => {
  using fd = createMemfd('sealed', PAGE_SIZE);
  fd.addSeals(Seal.shrink | Seal.grow);
  assert.equal(fd.seals, Seal.shrink | Seal.grow);
});

test('poll reports what is ready, and a hang-up', () => {
  using poll = new PollSet(4);
  using event = createEventfd('event');
  const pipe = createPipe('pipe');
  using _read = pipe.read;
  poll.set(0, event.number, Poll.in);
  poll.set(2, pipe.read.number, Poll.in);
  assert.equal(poll.wait(0), 0);
  signalEventfd(event.number);
  assert.equal(poll.wait(1000), 1);
  assert.equal(poll.ready(0), Poll.in);
  pipe.write[Symbol.dispose]();
  assert.equal(poll.wait(1000), 2);
  assert.equal(poll.ready(2), Poll.hup);
  poll.clear(0);
  assert.equal(poll.wait(1000), 1);
});

test('bytes written from mapped memory are read at the other end', () => {
  using memory = createMemfd('source', PAGE_SIZE);
  using mapping = mapShared(memory, 0, PAGE_SIZE);
  mapping.bytes.set([9, 8, 7]);
  const pipe = createPipe('pipe');
  using read = pipe.read;
  using write = pipe.write;
  assert.equal(writeFromAddress(write, mapping.address, 3), 3);
  const into = new Uint8Array(8);
  assert.equal(readInto(read, into), 3);
  assert.deepEqual([...into.subarray(0, 3)], [9, 8, 7]);
});

test('a listener hands out connections and tells who is there', () => {
  const path = join(folder, 'socket');
  using listener = listenUnix(path);
  listener.setNonBlocking(true);
  assert.equal(acceptUnix(listener, 'nobody'), undefined);
  using client = connectUnix(path);
  using server = acceptUnix(listener, 'client')!;
  assert.equal(peerCredentials(server).pid, process.pid);
  assert.equal(client.closed, false);
  assert.throws(() => listenUnix(path), { code: 'ERR_SYSTEM', errnoName: 'EADDRINUSE' });
  assert.throws(() => connectUnix(join(folder, 'x'.repeat(120))), { code: 'ERR_SOCKET_PATH' });
});

test('a message with more descriptors than the limit closes every one of them', () => {
  const [left, right] = createSocketPair('pair');
  using _left = left;
  using _right = right;
  using event = createEventfd('event');
  const open = readdirSync('/proc/self/fd').length;
  assert.throws(
    () => sendMessage(left, new Uint8Array(1), new Array<number>(65).fill(event.number)),
    RangeError,
  );
  assert.equal(readdirSync('/proc/self/fd').length, open);
});
