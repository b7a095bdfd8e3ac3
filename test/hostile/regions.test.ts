/** Memory in more, and in smaller, pieces than anybody has a use for. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FrontEndRequest as Id } from '../../src/vhost-user/index.ts';
import { RAM_SIZE, regionBytes, USER } from '../support/vhost-user-rig.ts';
import { Lab } from './lab.ts';
import { serveFs } from './served-device.ts';

const TIMES = 1000;
let lab: Lab;
before(async () => {
  lab = await Lab.open(serveFs);
});
after(() => lab[Symbol.asyncDispose]());

/** A region of one byte, 16 bytes from the one before. */
const byteAt = (index: number) => regionBytes(16 * index, 1, USER + 16 * index, index);

test('as many regions as there are slots, of one byte each; one more is refused, a thousand times', async () => {
  using front = lab.arrive('negotiated');
  const { connection } = front;
  const ram = lab.passed.fd('ram').number;
  const before = await lab.served.holdings();
  const slots = Number(connection.ask(Id.GET_MAX_MEM_SLOTS));
  assert.equal(slots, 509);
  for (let i = 0; i < slots; i++) assert.equal(connection.ask(Id.ADD_MEM_REG, byteAt(i), [ram]), 0n);
  const full = await lab.served.holdings();
  assert.equal(full.mappings, before.mappings + slots);
  for (let i = 0; i < TIMES; i++) assert.equal(connection.ask(Id.ADD_MEM_REG, byteAt(slots), [ram]), 1n);
  assert.deepEqual(await lab.served.holdings(), full);
  for (let i = 0; i < slots; i++) assert.equal(connection.ask(Id.REM_MEM_REG, byteAt(i)), 0n);
  assert.deepEqual(await lab.served.holdings(), before);
});

test('added and removed under a running ring, a thousand times', async () => {
  using front = lab.arrive('running');
  const { connection } = front;
  const before = await lab.served.holdings();
  const far = regionBytes(RAM_SIZE, 4096, USER + RAM_SIZE);
  const page = lab.passed.fd('page').number;
  for (let i = 0; i < TIMES; i++) {
    assert.equal(connection.ask(Id.ADD_MEM_REG, far, [page]), 0n);
    assert.equal(connection.ask(Id.REM_MEM_REG, far), 0n);
  }
  lab.serve();
  assert.deepEqual(await lab.served.holdings(), before);
});
