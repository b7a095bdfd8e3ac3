import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { createEventfd, liveResources, Poll, sendMessage } from '../../src/sys/index.ts';
import { FEATURES, ints, joined, NEED_REPLY, SessionRig, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

const openFds = () => readdirSync('/proc/self/fd').length;

test('a request that comes byte by byte is served once it is whole', () => {
  using rig = new SessionRig();
  rig.send(16, u64(8n));
  const message = joined(ints(2, NEED_REPLY, 8), u64(FEATURES));
  for (const byte of message) {
    assert.equal(rig.receive(), undefined);
    sendMessage(rig.socket, Uint8Array.of(byte));
    rig.session.onReady();
  }
  const reply = rig.receive();
  assert.deepEqual(reply, { id: 2, flags: 5, payload: u64(0), fds: [] });
});

test('a descriptor counts for its request, whichever of its bytes it comes with', () => {
  const message = joined(ints(13, NEED_REPLY, 8), u64(1n));
  for (let at = 0; at < message.length; at++) {
    using rig = new SessionRig();
    rig.send(16, u64(8n));
    using event = createEventfd('call');
    for (const [i, byte] of message.entries()) {
      sendMessage(rig.socket, Uint8Array.of(byte), i === at ? [event.number] : []);
      if (i % 3 === 0) rig.session.onReady();
    }
    rig.session.onReady();
    assert.deepEqual(rig.receive()?.payload, u64(0), `descriptor with byte ${at}`);
  }
});

test('several requests that come at once are served in order', () => {
  using rig = new SessionRig();
  sendMessage(rig.socket, joined(ints(1, 1, 0), ints(15, 1, 0), ints(2, 1, 8), u64(FEATURES), ints(1, 1, 0)));
  rig.session.onReady();
  assert.deepEqual(
    [rig.receive(), rig.receive(), rig.receive(), rig.receive()].map((reply) => reply?.id),
    [1, 15, 1, undefined],
  );
  assert.equal(rig.session.features, FEATURES);
});

test('a front end that does not read its replies is not served on, and nothing is lost when it reads again', () => {
  using rig = new SessionRig();
  const request = ints(1, 1, 0);
  let sent = 0;
  rig.socket.setNonBlocking(true);
  while (sendMessage(rig.socket, request, [], { dontWait: true }) > 0) {
    sent++;
    rig.session.onReady();
  }
  assert.equal(rig.session.events, Poll.out);
  const memory = liveResources().length;
  let answered = 0;
  for (;;) {
    const reply = rig.receive();
    if (reply !== undefined) {
      answered++;
      continue;
    }
    rig.session.onReady();
    if (answered === sent) break;
  }
  assert.equal(rig.session.events, Poll.in);
  assert.equal(liveResources().length, memory);
  assert.ok(rig.alive());
});

test('one call serves a bounded number of requests, the next one goes on', () => {
  using rig = new SessionRig();
  const many = 200;
  sendMessage(rig.socket, joined(...Array.from({ length: many }, () => ints(1, 1, 0))));
  rig.session.onReady();
  let answered = 0;
  while (rig.receive() !== undefined) answered++;
  assert.ok(answered > 0 && answered < many);
  for (let turn = 0; turn < 10; turn++) rig.session.onReady();
  while (rig.receive() !== undefined) answered++;
  assert.equal(answered, many);
});

test('a front end that hangs up between requests closes the session in good order', () => {
  using rig = new SessionRig();
  assert.ok(rig.alive());
  rig.socket[Symbol.dispose]();
  rig.session.onReady();
  assert.equal(rig.session.closed, true);
  assert.equal(rig.session.closeReason, undefined);
  assert.equal(rig.session.number, -1);
  assert.deepEqual(rig.backEnd.calls, ['disconnected']);
});

for (const [what, bytes, code] of [
  ['within a header', ints(1, 1, 0).subarray(0, 7), 'ERR_CUT_OFF'],
  ['before the payload', ints(2, 1, 8), 'ERR_CUT_OFF'],
  ['within the payload', joined(ints(2, 1, 8), new Uint8Array(5)), 'ERR_CUT_OFF'],
] as const)
  test(`a front end that hangs up ${what} closes the session, with the reason`, () => {
    using rig = new SessionRig();
    using event = createEventfd('stray');
    const before = openFds();
    sendMessage(rig.socket, bytes, [event.number]);
    rig.session.onReady();
    assert.equal(rig.session.closed, false);
    rig.socket[Symbol.dispose]();
    rig.session.onReady();
    assert.equal(rig.session.closeReason?.code, code);
    assert.deepEqual(rig.backEnd.calls, ['disconnected']);
    assert.equal(openFds(), before - 2);
  });

for (const [what, bytes, code] of [
  ['version 0', ints(1, 0, 0), 'ERR_VERSION'],
  ['version 2', ints(1, 2, 0), 'ERR_VERSION'],
  ['version 3', ints(1, 3, 0), 'ERR_VERSION'],
  ['size 4097', ints(1, 1, 4097), 'ERR_TOO_LONG'],
  ['size 5000', ints(1, 1, 5000), 'ERR_TOO_LONG'],
  ['size 0xffffffff', ints(1, 1, 0xffffffff), 'ERR_TOO_LONG'],
] as const)
  test(`${what} ends the connection, because what follows cannot be told apart`, () => {
    using rig = new SessionRig();
    sendMessage(rig.socket, bytes);
    rig.session.onReady();
    assert.equal(rig.session.closeReason?.code, code);
    rig.session.onReady();
    assert.deepEqual(rig.backEnd.calls, ['disconnected']);
  });

test('descriptors over the limit are closed at once, and the request is refused', () => {
  using rig = new SessionRig();
  rig.send(16, u64(8n));
  using event = createEventfd('stray');
  const before = openFds();
  const message = joined(ints(13, NEED_REPLY, 8), u64(1n));
  for (const byte of message) {
    assert.ok(openFds() <= before + 8, 'they do not pile up while the request is incomplete');
    sendMessage(rig.socket, Uint8Array.of(byte), Array(64).fill(event.number));
    rig.session.onReady();
  }
  assert.deepEqual(rig.receive()?.payload, u64(1));
  assert.deepEqual(rig.refusals, ['SET_VRING_CALL ERR_FD_COUNT']);
  assert.equal(openFds(), before);
  assert.ok(rig.alive());
});

test('disposing of a session twice tells the back end once', () => {
  using rig = new SessionRig();
  rig.session[Symbol.dispose]();
  rig.session[Symbol.dispose]();
  assert.deepEqual(rig.backEnd.calls, ['disconnected']);
});
