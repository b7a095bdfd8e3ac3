import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectByNode, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import {
  acceptTcp,
  connectTcp,
  createMemfd,
  createSocketPair,
  Errno,
  type Fd,
  listenTcp,
  localAddress,
  mapAnonymous,
  Poll,
  PollSet,
  readAt,
  receiveNow,
  remoteAddress,
  sendNow,
  setSocketTimeouts,
  shutdownSocket,
  socketError,
  Vectors,
  WOULD_BLOCK,
} from '../../src/sys/index.ts';

/** Sleep until something is ready at `fd`, ten seconds at most. */
function waitFor(fd: Fd, events: number): void {
  using poll = new PollSet(1);
  poll.set(0, fd.number, events);
  assert.equal(poll.wait(10_000), 1);
}

/** What `call` gives, again until it does not have to wait. */
function ready<T>(fd: Fd, events: number, call: () => T | typeof WOULD_BLOCK | undefined): T {
  for (;;) {
    const result = call();
    if (result !== WOULD_BLOCK && result !== undefined) return result as T;
    waitFor(fd, events);
  }
}

/** Not every machine has IPv6, not even to itself. */
const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const loopbacks = [['127.0.0.1', '127.0.0.1'], ...(hasIPv6 ? [['::1', '[::1]'] as const] : [])] as const;

for (const [host, shown] of loopbacks) {
  test(`a TCP connection at ${host} carries bytes, knows both its ends, and is told of the end`, () => {
    using listener = listenTcp(host, 0);
    const address = localAddress(listener);
    assert.match(address, new RegExp(`^${shown.replaceAll(/[[\].]/g, '\\$&')}:\\d+$`));
    assert.equal(acceptTcp(listener, 'nobody yet'), undefined);
    using near = connectTcp(host, Number(address.replace(/.*:/, '')));
    waitFor(near, Poll.out);
    assert.equal(socketError(near), 0);
    using far = ready<Fd>(listener, Poll.in, () => acceptTcp(listener, 'far'));
    assert.equal(remoteAddress(near), address);
    assert.equal(remoteAddress(far), localAddress(near));
    const into = new Uint8Array(8);
    assert.equal(receiveNow(far, into), WOULD_BLOCK);
    assert.equal(sendNow(near, new Uint8Array([1, 2, 3])), 3);
    assert.equal(
      ready(far, Poll.in, () => receiveNow(far, into, { peek: true })),
      3,
    );
    assert.equal(receiveNow(far, into), 3);
    assert.deepEqual([...into], [1, 2, 3, 0, 0, 0, 0, 0]);
    shutdownSocket(near, 'write');
    assert.equal(
      ready(far, Poll.in, () => receiveNow(far, into)),
      0,
    );
    shutdownSocket(near, 'both');
    shutdownSocket(near, 'both');
  });
}

test('a connection that is refused says so, and names are no addresses', () => {
  let port: number;
  {
    using listener = listenTcp('127.0.0.1', 0);
    port = Number(localAddress(listener).replace(/.*:/, ''));
  }
  using refused = connectTcp('127.0.0.1', port);
  waitFor(refused, Poll.out);
  assert.equal(socketError(refused), Errno.ECONNREFUSED);
  assert.equal(remoteAddress(refused), '');
  // Bound for IPv6 alone: such an address is one of IPv4
  assert.throws(() => listenTcp('::ffff:127.0.0.1', 0), { code: 'ERR_SYSTEM' });
  for (const host of ['localhost', 'fe80::1%eth0', '1.2.3', ''])
    assert.throws(() => connectTcp(host, 1), { code: 'ERR_ADDRESS' });
});

test('numeric addresses are those that everybody else means', async () => {
  for (const host of hasIPv6 ? ['::', '::1', '0:0:0:0:0:0:0:1'] : []) {
    const listener = listenTcp(host, 0);
    const port = Number(localAddress(listener).replace(/.*:/, ''));
    const socket = connectByNode(port, '::1');
    await once(socket, 'connect');
    socket.destroy();
    listener[Symbol.dispose]();
  }
  const server = createServer((socket) => socket.end());
  await once(server.listen(0, '127.0.0.2'), 'listening');
  const { port } = server.address() as { port: number };
  using near = connectTcp('127.0.0.2', port);
  waitFor(near, Poll.out);
  assert.equal(socketError(near), 0);
  assert.equal(remoteAddress(near), `127.0.0.2:${port}`);
  server.close();
  await once(server, 'close');
});

test('pieces that lie behind each other are one, and a call that moved some of them goes on behind those', () => {
  const [near, far] = createSocketPair('pair');
  using _near = near;
  using _far = far;
  using memory = mapAnonymous(65536, 'memory');
  using vectors = new Vectors('test');
  for (let i = 0; i < 65536; i++) memory.bytes[i] = i % 251;
  vectors.clear(1);
  const { room } = vectors;
  vectors.add(memory.address + 100, 50);
  vectors.add(memory.address + 150, 50);
  assert.equal(vectors.room, room - 1);
  vectors.add(memory.address + 10, 0);
  vectors.add(memory.address + 300, 7);
  assert.equal(vectors.room, room - 2);
  vectors.put(0, memory.address, 3);
  assert.equal(vectors.left, 110);
  assert.equal(vectors.send(near.number), 110);
  assert.equal(vectors.left, 0);
  const into = new Uint8Array(200);
  assert.equal(receiveNow(far, into), 110);
  const expected = [...memory.bytes.subarray(0, 3), ...memory.bytes.subarray(100, 200)];
  assert.deepEqual([...into.subarray(0, 103)], expected);
  assert.deepEqual([...into.subarray(103, 110)], [...memory.bytes.subarray(300, 307)]);

  // Received in parts: the second goes where the first ended, inside a piece
  setSocketTimeouts(far, 50);
  vectors.clear();
  vectors.add(memory.address + 1000, 4);
  vectors.add(memory.address + 2000, 10);
  vectors.add(memory.address + 3000, 2);
  assert.equal(vectors.receive(far.number), -Errno.EAGAIN);
  sendNow(near, new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
  assert.equal(vectors.receive(far.number), 7);
  assert.deepEqual([vectors.left, vectors.address, vectors.length], [9, memory.address + 2003, 7]);
  sendNow(near, new Uint8Array([8, 9, 10, 11, 12, 13, 14, 15, 16]));
  assert.equal(vectors.receive(far.number), 9);
  const pieces = [
    memory.bytes.subarray(1000, 1004),
    memory.bytes.subarray(2000, 2010),
    memory.bytes.subarray(3000, 3002),
  ];
  assert.deepEqual([...Buffer.concat(pieces)], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  shutdownSocket(near, 'write');
  vectors.clear();
  vectors.add(memory.address, 1);
  assert.equal(vectors.receive(far.number), 0);
  far[Symbol.dispose]();
  assert.equal(vectors.send(near.number), -Errno.EPIPE);
});

test('pieces are gathered, taken off one by one, and go to files', () => {
  using memory = mapAnonymous(8192, 'memory');
  using file = createMemfd('file', 0);
  using vectors = new Vectors('test');
  for (let i = 0; i < 100; i++) memory.bytes[i] = i;
  for (let i = 0; i < 10; i++) vectors.add(memory.address + i * 10, 5);
  assert.equal(vectors.gather(memory.address + 4096, 12), 12);
  assert.deepEqual([...memory.bytes.subarray(4096, 4108)], [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21]);
  assert.equal(vectors.left, 50);
  vectors.take(12);
  assert.deepEqual([vectors.left, vectors.address, vectors.length], [38, memory.address + 22, 3]);
  assert.equal(vectors.write(file.number), 38);
  const written = new Uint8Array(38);
  readAt(file, written, 0);
  assert.deepEqual([...written.subarray(0, 5)], [22, 23, 24, 30, 31]);
  vectors.clear();
  vectors.add(memory.address, 8);
  assert.equal(vectors.read(file.number), 0);

  vectors.clear();
  for (let i = 0; i < 1024; i++) vectors.add(memory.address + i * 2, 1);
  assert.throws(() => vectors.add(memory.address + 4096, 1), RangeError);
  assert.throws(() => vectors.put(0, memory.address, 1), RangeError);
});
