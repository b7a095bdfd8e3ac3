import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeReply,
  encodeRequest,
  LockOut,
  type LockRequest,
  replyRoom,
  requests,
} from '../../src/fuse/index.ts';
import { fails, Guest } from './fs-guest.ts';

const ROOT = 1;
const O_RDWR = 2;
const READ = 0;
const WRITE = 1;
const UNLOCK = 2;
const ALICE = 0xdeadbeefcafef00dn;
const BOB = 2n;

function locked(options: Record<string, unknown> = { locks: 'device' }) {
  const guest = Guest.mounted(options);
  const { entry, handle } = guest.client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  const lock = (owner: bigint, type: number, rest: Partial<LockRequest> = {}): LockRequest => ({
    handle,
    owner,
    type,
    ...rest,
  });
  const { client, device } = guest;
  return {
    guest,
    client,
    device,
    node,
    handle,
    lock,
    set: (...args: Parameters<typeof lock>) => client.call(requests.setlk(node, lock(...args))),
    test: (...args: Parameters<typeof lock>) =>
      LockOut.decode(client.call(requests.getlk(node, lock(...args)))),
    wait: (unique: bigint, ...args: Parameters<typeof lock>) =>
      guest.sendLater(requests.setlkw(node, lock(...args)), unique),
    interrupt: (unique: bigint) => guest.send(encodeRequest(requests.interrupt(unique), unique | 1n), 0, 0),
    [Symbol.dispose]: () => guest[Symbol.dispose](),
  };
}

test('a record lock keeps others out of its bytes alone', () => {
  using f = locked();
  f.set(ALICE, WRITE, { start: 10n, end: 19n, pid: 77 });
  fails('EAGAIN', () => f.set(BOB, READ, { start: 19n, end: 30n }));
  f.set(BOB, WRITE, { start: 20n });
  assert.deepEqual(f.test(BOB, READ, { start: 0n }), { start: 10n, end: 19n, type: WRITE, pid: 77 });
  assert.equal(f.test(BOB, READ, { start: 0n, end: 9n }).type, UNLOCK);
  f.set(ALICE, UNLOCK, { start: 10n, end: 19n });
  f.set(BOB, READ, { start: 0n, end: 30n });
});

test('flock locks are of the whole file, and know nothing of record locks', () => {
  using f = locked();
  f.set(ALICE, WRITE, { flock: true });
  fails('EAGAIN', () => f.set(BOB, READ, { flock: true }));
  f.set(BOB, WRITE);
  f.set(ALICE, UNLOCK, { flock: true });
  f.set(BOB, READ, { flock: true });
});

for (const flock of [false, true])
  test(`a request for a ${flock ? 'flock' : 'record'} lock waits and is answered when it can be had`, () => {
    using f = locked();
    f.set(ALICE, WRITE, { flock });
    const first = f.wait(100n, BOB, READ, { flock });
    const second = f.wait(102n, 3n, READ, { flock });
    assert.deepEqual([first.answer, second.answer], [undefined, undefined]);
    f.set(ALICE, UNLOCK, { flock });
    assert.deepEqual(decodeReply(first.answer!), { unique: 100n, error: 0, body: new Uint8Array(0) });
    assert.equal(decodeReply(second.answer!).unique, 102n);
    fails('EAGAIN', () => f.set(ALICE, WRITE, { flock }));
  });

test('a lock that is free is had at once, waiting or not', () => {
  using f = locked();
  assert.equal(f.client.call(requests.setlkw(f.node, f.lock(ALICE, WRITE))).length, 0);
  fails('EAGAIN', () => f.set(BOB, READ));
});

test('an INTERRUPT ends the wait that it names, with EINTR, and no other', () => {
  using f = locked();
  f.set(ALICE, WRITE);
  const one = f.wait(100n, BOB, WRITE);
  const two = f.wait(102n, 3n, WRITE);
  assert.equal(f.interrupt(100n)?.length, 0);
  assert.deepEqual(decodeReply(one.answer!), { unique: 100n, error: 4, body: new Uint8Array(0) });
  assert.equal(two.answer, undefined);
  f.interrupt(100n);
  f.set(ALICE, UNLOCK);
  assert.equal(decodeReply(two.answer!).error, 0);
  fails('EAGAIN', () => f.set(BOB, WRITE));
});

test('an INTERRUPT of what does not wait asks the guest to try again, if it can be answered', () => {
  using f = locked();
  const request = requests.interrupt(555n);
  assert.equal(f.interrupt(555n)?.length, 0);
  assert.equal(decodeReply(f.guest.send(encodeRequest(request, 556n), 16, 0)!).error, 11);
});

test('two waits under one number are not mixed up: the second is refused', () => {
  using f = locked();
  f.set(ALICE, WRITE);
  const first = f.wait(100n, BOB, WRITE);
  const forged = requests.setlkw(f.node, f.lock(3n, WRITE));
  assert.equal(decodeReply(f.guest.send(encodeRequest(forged, 100n), replyRoom(forged))!).error, 22);
  f.interrupt(100n);
  assert.equal(decodeReply(first.answer!).error, 4);
});

test('two that wait for each other: the second is told EDEADLK', () => {
  using f = locked();
  f.set(ALICE, WRITE, { start: 0n, end: 0n });
  f.set(BOB, WRITE, { start: 1n, end: 1n });
  const waiting = f.wait(100n, ALICE, WRITE, { start: 1n, end: 1n });
  fails('EDEADLK', () => f.client.call(requests.setlkw(f.node, f.lock(BOB, WRITE, { start: 0n, end: 0n }))));
  f.set(BOB, UNLOCK);
  assert.equal(decodeReply(waiting.answer!).error, 0);
});

test('closing the file releases the record locks of who closes it', () => {
  using f = locked();
  f.set(ALICE, WRITE, { start: 0n, end: 9n });
  f.set(BOB, WRITE, { start: 10n, end: 19n });
  const waiting = f.wait(100n, 3n, READ, { start: 0n, end: 5n });
  f.client.call(requests.flush(f.node, f.handle, ALICE));
  assert.equal(decodeReply(waiting.answer!).error, 0);
  assert.equal(f.test(ALICE, READ, { start: 10n }).type, WRITE);
});

test('the last close releases what belongs to the open file: flock locks, and record locks of its own', () => {
  using f = locked();
  const other = f.client.open(f.node, O_RDWR);
  f.set(ALICE, WRITE, { flock: true, handle: other });
  f.set(0x0fdn, WRITE, { handle: other });
  f.client.call(requests.flush(f.node, other, BOB));
  fails('EAGAIN', () => f.set(BOB, READ));
  f.client.call(requests.release(f.node, other, 2, ALICE));
  f.set(BOB, READ);
  f.set(BOB, WRITE, { flock: true });
});

test('record locks taken elsewhere outlast the close of a handle that was given up before', () => {
  using f = locked();
  const shared = f.client.open(f.node, O_RDWR);
  f.set(ALICE, WRITE, { handle: shared });
  f.client.call(requests.flush(f.node, shared, ALICE));
  f.set(ALICE, WRITE);
  f.client.call(requests.release(f.node, shared));
  fails('EAGAIN', () => f.set(BOB, READ));
});

test('locks end with the file', () => {
  using f = locked();
  f.set(ALICE, WRITE);
  f.client.call(requests.unlink(ROOT, 'file'));
  f.client.call(requests.release(f.node, f.handle));
  f.client.forget(f.node, 1);
  assert.equal(f.device.fileSystem.locks.held, 0);
});

test('locks want an open file of that node', () => {
  using f = locked();
  for (const make of [requests.getlk, requests.setlk, requests.setlkw]) {
    fails('EBADF', () => f.client.call(make(f.node, f.lock(ALICE, READ, { handle: 99 }))));
    fails('EBADF', () => f.client.call(make(ROOT, f.lock(ALICE, READ))));
  }
  fails('EINVAL', () => f.set(ALICE, READ, { start: 5n, end: 4n }));
  fails('EINVAL', () => f.set(ALICE, READ, { start: 0n, end: 2n ** 63n }));
  fails('EINVAL', () => f.set(ALICE, 3));
});

test('a suspended device forgets who waits; asked again, the request waits again', () => {
  using f = locked();
  f.set(ALICE, WRITE);
  const before = f.wait(100n, BOB, WRITE);
  f.device.suspend();
  before.abandoned = true;
  assert.equal(f.device.fileSystem.locks.waiting, 0);
  const again = f.wait(100n, BOB, WRITE);
  f.set(ALICE, UNLOCK);
  assert.equal(before.answer, undefined);
  assert.equal(decodeReply(again.answer!).error, 0);
  f.device.suspend();
  assert.equal(f.client.call(requests.setlkw(f.node, f.lock(BOB, WRITE))).length, 0);
});

test('who waits is forgotten when the guest starts anew', () => {
  using f = locked();
  f.set(ALICE, WRITE);
  const waiting = f.wait(100n, BOB, WRITE);
  f.device.reset();
  assert.equal(waiting.answer, undefined);
  assert.deepEqual([f.device.fileSystem.locks.held, f.device.fileSystem.locks.waiting], [0, 0]);
});
