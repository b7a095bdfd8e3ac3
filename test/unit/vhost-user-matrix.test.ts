import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { closeAll, createEventfd, liveResources } from '../../src/sys/index.ts';
import { SERVED_PROTOCOL_FEATURES } from '../../src/vhost-user/index.ts';
import { type RawReply, SessionRig, u64 } from '../support/vhost-user-rig.ts';

let held: string[];
beforeEach(() => {
  held = liveResources();
});
afterEach(() => {
  assert.deepEqual(liveResources(), held);
});

type Row = readonly [
  id: number,
  payload: readonly [number, number],
  fds: readonly [number, number],
  feature: number | undefined,
  hasReply: boolean,
  served: boolean,
];

/** The protocol as its specification has it, written down a second time. */
const ROWS: readonly Row[] = [
  [1, [0, 0], [0, 0], undefined, true, true],
  [2, [8, 8], [0, 0], undefined, false, true],
  [3, [0, 0], [0, 0], undefined, false, true],
  [4, [0, 0], [0, 0], undefined, false, true],
  [5, [8, 264], [0, 8], undefined, false, true],
  [6, [16, 16], [1, 1], 1, true, true],
  [7, [0, 0], [1, 1], undefined, false, false],
  [8, [8, 8], [0, 0], undefined, false, true],
  [9, [40, 40], [0, 0], undefined, false, true],
  [10, [8, 8], [0, 0], undefined, false, true],
  [11, [8, 8], [0, 0], undefined, true, true],
  [12, [8, 8], [0, 1], undefined, false, true],
  [13, [8, 8], [0, 1], undefined, false, true],
  [14, [8, 8], [0, 1], undefined, false, true],
  [15, [0, 0], [0, 0], undefined, true, true],
  [16, [8, 8], [0, 0], undefined, false, true],
  [17, [0, 0], [0, 0], 0, true, true],
  [18, [8, 8], [0, 0], undefined, false, true],
  [19, [8, 8], [0, 0], 2, false, false],
  [20, [8, 8], [0, 0], 4, false, false],
  [21, [0, 0], [1, 1], 5, false, true],
  [22, [32, 32], [0, 0], undefined, true, false],
  [23, [8, 8], [0, 0], 6, false, false],
  [24, [12, 268], [0, 0], 9, true, true],
  [25, [12, 268], [0, 0], 9, false, true],
  [26, [0, 4096], [0, 0], 7, true, false],
  [27, [8, 8], [0, 0], 7, false, false],
  [28, [0, 0], [0, 0], 8, true, false],
  [29, [0, 0], [0, 0], 8, false, false],
  [30, [0, 0], [0, 0], 8, true, false],
  [31, [24, 24], [0, 0], 12, true, true],
  [32, [24, 24], [1, 1], 12, false, true],
  [33, [0, 0], [1, 1], undefined, false, false],
  [34, [0, 0], [0, 0], 13, false, true],
  [35, [8, 8], [0, 0], 14, false, false],
  [36, [0, 0], [0, 0], 15, true, true],
  [37, [40, 40], [1, 1], 15, false, true],
  [38, [40, 40], [0, 1], 15, false, true],
  [39, [8, 8], [0, 0], 16, false, false],
  [40, [0, 0], [0, 0], 16, true, false],
  [41, [16, 16], [0, 0], 18, true, false],
  [42, [8, 8], [1, 1], 19, true, true],
  [43, [0, 0], [0, 0], 19, true, true],
  [44, [0, 0], [0, 0], 22, true, false],
];

/** Requests whose reply is a verdict, so that a refusal is one too. */
const VERDICTS = [6, 22, 30, 42, 43];

interface Attempt {
  readonly bytes: number;
  readonly fdCount: number;
  readonly negotiated: boolean;
}

/** The code that a request's form alone earns it. */
function expectedRefusal(row: Row | undefined, { bytes, fdCount, negotiated }: Attempt): string | undefined {
  if (row === undefined) return 'ERR_UNKNOWN_REQUEST';
  const [, payload, fds, feature, , served] = row;
  if (fdCount < fds[0] || fdCount > fds[1]) return 'ERR_FD_COUNT';
  if (bytes < payload[0] || bytes > payload[1]) return 'ERR_PAYLOAD_SIZE';
  if (feature !== undefined && !(negotiated && (SERVED_PROTOCOL_FEATURES & (1n << BigInt(feature))) !== 0n))
    return 'ERR_NOT_NEGOTIATED';
  return served ? undefined : 'ERR_NOT_SERVED';
}

function checkReply(
  reply: RawReply | undefined,
  row: Row | undefined,
  needReply: boolean,
  refused: boolean,
  context: string,
): void {
  const id = row?.[0];
  if (row?.[4] === true) {
    assert.ok(reply !== undefined, `${context}: the reply is missing`);
    if (refused) {
      const verdict = id === 42 ? 0x101 : 1;
      assert.deepEqual(reply.payload, VERDICTS.includes(row[0]) ? u64(verdict) : new Uint8Array(0), context);
    } else assert.ok(reply.payload.length >= 8, context);
  } else if (needReply) assert.deepEqual(reply?.payload, u64(refused ? 1 : 0), context);
  else assert.equal(reply, undefined, context);
  if (reply !== undefined) assert.equal(reply.flags, 5, context);
}

for (const negotiated of [false, true])
  for (const needReply of [false, true])
    test(`every request in every form, features ${negotiated ? '' : 'not '}negotiated, NEED_REPLY ${needReply ? 'set' : 'clear'}`, () => {
      using rig = new SessionRig();
      using event = createEventfd('passed along');
      const acknowledged = negotiated && needReply;
      let reached = 0;
      let refusedCount = 0;
      for (let id = 0; id <= 60; id++) {
        const row = ROWS.find(([number]) => number === id);
        const [least, most] = row?.[1] ?? [0, 0];
        const sizes = new Set([0, Math.max(least - 1, 0), least, most, Math.min(most + 1, 4096), 4096]);
        for (const bytes of sizes)
          for (const fdCount of [0, 1, 2, 8, 9]) {
            rig.send(16, u64(negotiated ? SERVED_PROTOCOL_FEATURES : 0n));
            rig.refusals.length = 0;
            const context = `request ${id} with ${bytes} bytes and ${fdCount} descriptors`;
            const flags = needReply ? 9 : 1;
            rig.send(id, new Uint8Array(bytes), { flags, fds: Array(fdCount).fill(event.number) });
            const expected = expectedRefusal(row, { bytes, fdCount, negotiated });
            const code = rig.refusals[0]?.split(' ').at(-1);
            if (expected === undefined) {
              reached++;
              // A handler may still find fault with descriptors and sizes that depend on the payload
              assert.ok(code !== 'ERR_NOT_NEGOTIATED' && code !== 'ERR_NOT_SERVED', `${context}: ${code}`);
            } else assert.equal(code, expected, context);
            if (code !== undefined) refusedCount++;
            const reply = rig.receive();
            // SET_PROTOCOL_FEATURES with zeroes ends acknowledgement with itself
            const answers = acknowledged && !(id === 16 && code === undefined);
            checkReply(reply, row, answers, code !== undefined, context);
            closeAll(reply?.fds ?? []);
            rig.backEnd.channel?.[Symbol.dispose]();
          }
      }
      assert.ok(
        reached > 20 && refusedCount > 500,
        `${reached} reached a handler, ${refusedCount} were refused`,
      );
      assert.ok(rig.alive());
    });

test('every refusal names its request', () => {
  using rig = new SessionRig();
  for (let id = 0; id <= 45; id++) rig.send(id, new Uint8Array(300));
  while (rig.receive() !== undefined);
  assert.equal(rig.refusals.length, 46);
  assert.equal(rig.refusals[0], 'request 0 ERR_UNKNOWN_REQUEST');
  assert.equal(rig.refusals[41], 'GET_SHARED_OBJECT ERR_PAYLOAD_SIZE');
  assert.equal(rig.refusals[45], 'request 45 ERR_UNKNOWN_REQUEST');
  for (const line of rig.refusals.slice(1, 45)) assert.match(line, /^[A-Z_]+ ERR_/);
});

for (const flags of [0x11, 0x21, 0x80000001, 0xfffffff9])
  test(`reserved flags 0x${flags.toString(16)} are refused and the session goes on`, () => {
    using rig = new SessionRig();
    rig.negotiate();
    rig.send(3, undefined, { flags });
    assert.deepEqual(rig.refusals, ['SET_OWNER ERR_FLAGS']);
    const reply = rig.receive();
    assert.deepEqual(reply?.payload, (flags & 8) !== 0 ? u64(1) : undefined);
    assert.ok(rig.alive());
  });

test('the reply bit in a request is refused', () => {
  using rig = new SessionRig();
  rig.negotiate();
  assert.equal(rig.ask(3, undefined, { flags: 5 }), undefined);
  assert.equal(rig.ask(3, undefined, { flags: 13 }), 1n);
  assert.deepEqual(rig.refusals, ['SET_OWNER ERR_FLAGS', 'SET_OWNER ERR_FLAGS']);
  assert.ok(rig.alive());
});

test('descriptors of a refused request are closed', () => {
  using rig = new SessionRig();
  rig.negotiate();
  using event = createEventfd('stray');
  const before = readdirSync('/proc/self/fd').length;
  for (let turn = 0; turn < 1000; turn++) {
    assert.equal(rig.tell(8, new Uint8Array(8), [event.number, event.number, event.number]), 1n);
    assert.equal(rig.tell(77, new Uint8Array(8), [event.number]), 1n);
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
