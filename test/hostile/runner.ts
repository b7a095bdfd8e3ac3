/**
 * Plays tables to a served device. Each row once, with everything checked: the answer, the state afterwards, the
 * process. Then a thousand times: not one descriptor or mapping more is held when the front end is gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll } from '../../src/sys/index.ts';
import { FrontEndRequest, requestName } from '../../src/vhost-user/index.ts';
import { u64 } from '../support/vhost-user-rig.ts';
import { message, NEED_REPLY } from './connection.ts';
import { type HostileFrontEnd, Lab } from './lab.ts';
import type { Serving } from './served-device.ts';
import type { Answer, Message, RequestTable, Row } from './table.ts';

const TIMES = 1000;
/** Requests that are sent before replies are read; twice as many fit into the socket, and their replies. */
const BATCH = 25;
/** The same for requests with many descriptors: how many may be on their way is limited for ordinary users. */
const SMALL_BATCH = 5;
/** What the specification allows with one message. */
const MAX_MESSAGE_FDS = 8;
const MIB = 1024 * 1024;
/** What all rows of a file together may make the process grow by: garbage that its runtime has not collected yet. */
const MAY_GROW = 400 * MIB;

/** Declares the tests of `tables` against a device served so. */
export function play(serving: Serving, tables: readonly RequestTable[]): void {
  let lab: Lab;
  let resident = 0;
  before(async () => {
    lab = await Lab.open(serving);
    resident = lab.served.resident();
  });
  after(() => lab[Symbol.asyncDispose]());

  for (const table of tables)
    describe(requestName(table.request), () => {
      for (const row of table.rows)
        test(row.name, async () => {
          const held = await settledHoldings(lab);
          await once(lab, table, row);
          for (let turn = 0; turn < TIMES; ) turn += await again(lab, table, row);
          assert.deepEqual(await settledHoldings(lab), held);
          assert.equal(lab.served.process.exit, undefined);
        });
    });

  test('none of it made the process grow', () => {
    const grown = lab.served.resident() - resident;
    assert.ok(grown < MAY_GROW, `${(grown / MIB).toFixed(1)} MiB more than before`);
  });
}

/** What the process holds when the front ends before have been seen to leave: while one fresh one owns the device. */
async function settledHoldings(lab: Lab) {
  using front = lab.arrive('negotiated');
  await lab.check(front, 'negotiated');
  return await lab.served.holdings();
}

async function once(lab: Lab, table: RequestTable, row: Row): Promise<void> {
  using front = lab.arrive(row.before);
  prepare(lab, table, front, row);
  send(lab, table, front, row);
  expectAnswer(lab, table, front, row);
  const after = row.after ?? row.before;
  if (after !== 'closed') await lab.check(front, after);
}

/** As often as it can be done on one connection; returns how often that was. */
async function again(lab: Lab, table: RequestTable, row: Row): Promise<number> {
  using front = lab.arrive(row.before);
  prepare(lab, table, front, row);
  const { before, after = before } = row;
  if (after === before) {
    const batch = (row.fds?.length ?? 0) > MAX_MESSAGE_FDS ? SMALL_BATCH : BATCH;
    // While the device answers one batch, the next is on its way
    for (let turn = 0; turn <= TIMES; turn += batch) {
      if (turn < TIMES) for (let i = 0; i < batch; i++) send(lab, table, front, row);
      if (turn > 0) for (let i = 0; i < batch; i++) expectAnswer(lab, table, front, row);
    }
    await lab.check(front, before);
    return TIMES;
  }
  const times = after === 'negotiated' && row.first === undefined ? TIMES : 1;
  for (let turn = 0; turn < times; turn++) {
    send(lab, table, front, row);
    expectAnswer(lab, table, front, row);
    // What it had got to is undone: on it goes from there
    if (turn + 1 < times) lab.goOn(front, before);
  }
  return times;
}

function prepare(lab: Lab, table: RequestTable, front: HostileFrontEnd, { first = [] }: Row): void {
  for (const { answers, ...one } of first) {
    const fds = lab.passed.numbers(one.fds ?? [], front.connection.socket);
    assert.equal(front.connection.ask(one.id ?? table.request, one.payload, fds), answers);
  }
}

function send(lab: Lab, table: RequestTable, { connection }: HostileFrontEnd, row: Row): void {
  const bytes = bytesOf(table, row).subarray(0, row.cut);
  const fds = lab.passed.numbers(row.fds ?? [], connection.socket);
  if (row.bytewise !== true) connection.send(bytes, fds);
  else for (const [i, byte] of bytes.entries()) connection.send(Uint8Array.of(byte), i === 0 ? fds : []);
}

function bytesOf({ request }: RequestTable, { id = request, payload, flags, size }: Message): Uint8Array {
  return message(id, payload, flags, size);
}

function expectAnswer(lab: Lab, table: RequestTable, { connection }: HostileFrontEnd, row: Row): void {
  // Whoever hangs up in the middle hears nothing any more
  if (row.cut !== undefined) return;
  const { id = table.request, flags = NEED_REPLY, answer = table.refusal } = row;
  if (answer === 'nothing') {
    assert.equal(connection.ask(FrontEndRequest.GET_FEATURES), lab.features);
    return;
  }
  const reply = connection.reply();
  closeAll(connection.fds);
  if (answer === 'hang-up') {
    assert.equal(reply, undefined, `answered, flags 0x${flags.toString(16)}, and not hung up`);
    return;
  }
  assert.deepEqual(reply, { id, flags: 5, payload: payloadOf(answer) });
}

function payloadOf(answer: Exclude<Answer, 'nothing' | 'hang-up'>): Uint8Array {
  if (typeof answer === 'bigint') return u64(answer);
  return answer === 'empty' ? new Uint8Array(0) : answer;
}
