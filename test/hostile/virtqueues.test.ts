/** Rings that are full of lies, to a device that serves another process: the ring breaks or the request is answered. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createEventfd, drainEventfd, mapShared, PAGE_SIZE, Poll, PollSet } from '../../src/sys/index.ts';
import { FrontEndRequest as Id } from '../../src/vhost-user/index.ts';
import { addressBytes, ints, joined, regionBytes, USER, u64, words } from '../support/vhost-user-rig.ts';
import type { Connection } from './connection.ts';
import { type HostileFrontEnd, Lab } from './lab.ts';
import { INDIRECT, INIT_LENGTH, INIT_ROOM, NEXT, REQUEST, RING, SIZE, WRITE } from './ring.ts';
import { serveFs } from './served-device.ts';
import { one, ROWS } from './virtqueue-rows.ts';

const TIMES = 1000;
const DEADLINE = 10_000;
const RING_1 = 1;
const OK = 0;

let lab: Lab;
let poll: PollSet;
before(async () => {
  lab = await Lab.open(serveFs);
  poll = new PollSet(1);
  poll.set(0, lab.error.number, Poll.in);
});
after(async () => {
  poll[Symbol.dispose]();
  await lab[Symbol.asyncDispose]();
});

/** The device has found the ring broken, and said so. */
function awaitBroken(): void {
  const end = performance.now() + DEADLINE;
  while (!drainEventfd(lab.error.number)) {
    assert.ok(performance.now() < end, 'nobody says that the ring is broken');
    poll.wait(DEADLINE);
  }
}

/** Stop ring 1 where it stands, empty it and start it again. */
function restart({ connection }: HostileFrontEnd): void {
  connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
  lab.startRing(connection);
  // What is written from here on is written to a ring that runs
  connection.ask(Id.GET_FEATURES);
}

function tell(connection: Connection, id: number, payload: Uint8Array, fds: readonly number[] = []): void {
  assert.equal(connection.ask(id, payload, fds), 0n, `request ${id}`);
}

/** How a front end sees where memory of a table lies: guest address, size, file offset. */
function giveMemory(connection: Connection, ...regions: (readonly [number, number, number])[]): void {
  for (const [guest, size, offset] of regions)
    tell(connection, Id.ADD_MEM_REG, regionBytes(guest, size, USER + guest, offset), [
      lab.passed.fd('ram').number,
    ]);
}

describe('what a ring holds', () => {
  for (const row of ROWS)
    test(row.name, async () => {
      using front = lab.arrive('running');
      tell(front.connection, Id.SET_VRING_ERR, u64(RING_1), [lab.error.number]);
      lab.serve();
      const before = await lab.served.holdings();
      for (let turn = 0; turn <= TIMES; turn++) {
        restart(front);
        const { ring } = lab;
        row.write(ring);
        lab.kick();
        if (row.expected === 'broken') awaitBroken();
        else {
          lab.awaitUsed(1);
          assert.equal(ring.usedLength, row.expected);
        }
      }
      restart(front);
      lab.serve();
      assert.deepEqual(await lab.served.holdings(), before);
      assert.equal(lab.served.process.exit, undefined);
    });
});

describe('where a ring and its buffers lie', () => {
  test('a buffer, and an indirect table, that are in one piece for the guest alone', () => {
    using front = lab.arrive('negotiated');
    const { connection } = front;
    const { ring } = lab;
    const edge = REQUEST + 0x40;
    const elsewhere = 0x30000;
    giveMemory(connection, [0, edge, 0], [edge, 0x8000, elsewhere]);
    for (const indirect of [false, true])
      for (let turn = 0; turn < TIMES / 2; turn++) {
        connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
        lab.startRing(connection);
        // What the guest has behind the edge is not what the file has there
        const place = (guest: number) => (guest < edge ? guest : guest - edge + elsewhere);
        const request = ring.bytes.slice(REQUEST, REQUEST + INIT_LENGTH);
        ring.bytes.fill(0xaa, edge, edge + INIT_LENGTH);
        const start = indirect ? edge + 0x100 : REQUEST;
        for (const [i, byte] of request.entries()) ring.bytes[place(start + i)] = byte;
        if (indirect) {
          const table = new Uint8Array(32);
          table.set(joined(words(start), ints(INIT_LENGTH, NEXT | (1 << 16))), 0);
          table.set(joined(words(edge + 0x1000), ints(INIT_ROOM, WRITE)), 16);
          for (const [i, byte] of table.entries()) ring.bytes[place(edge - 16 + i)] = byte;
          one(edge - 16, 32, INDIRECT)(ring);
        } else {
          ring.describe(0, REQUEST, INIT_LENGTH, NEXT, 1);
          ring.describe(1, edge + 0x1000, INIT_ROOM, WRITE);
          ring.offer(0);
        }
        lab.kick();
        lab.awaitUsed(1);
        const answer = new DataView(
          ring.bytes.buffer,
          ring.bytes.byteOffset + place(edge + 0x1000),
          INIT_ROOM,
        );
        assert.equal(answer.getUint32(0, true), INIT_ROOM);
        assert.equal(answer.getInt32(4, true), OK);
      }
  });

  test('parts that overlap each other break the ring or serve, and harm nobody', () => {
    using front = lab.arrive('running');
    const { connection } = front;
    tell(connection, Id.SET_VRING_ERR, u64(RING_1), [lab.error.number]);
    const at = USER + RING;
    for (let turn = 0; turn < TIMES; turn++) {
      connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
      lab.ring.clear();
      const [used, available] = [at + (turn % 40) * 4, at + (turn % 33) * 2];
      tell(connection, Id.SET_VRING_ADDR, joined(ints(RING_1, 0), words(at, used, available, 0)));
      lab.ring.offerInit();
      connection.ask(Id.SET_VRING_KICK, u64(0x100 | RING_1));
      connection.ask(Id.GET_FEATURES);
    }
    restart(front);
    lab.serve();
  });

  test('one eventfd that is kick and call serves', () => {
    using front = lab.arrive('running');
    const { connection } = front;
    using both = createEventfd('kick and call');
    tell(connection, Id.SET_VRING_CALL, u64(RING_1), [both.number]);
    tell(connection, Id.SET_VRING_KICK, u64(RING_1), [both.number]);
    for (let turn = 0; turn < TIMES; turn++) {
      connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
      lab.startRing(connection, both);
      tell(connection, Id.SET_VRING_CALL, u64(RING_1), [both.number]);
      lab.ring.offerInit();
      connection.ask(Id.SET_VRING_KICK, u64(RING_1), [both.number]);
      lab.awaitUsed(1);
    }
  });

  test('a log shorter than memory takes what it has room for, and nothing behind it is touched', () => {
    using front = lab.arrive('running');
    const { connection } = front;
    using page = mapShared(lab.passed.fd('page'), 0, PAGE_SIZE);
    page.bytes.fill(0);
    // One byte: eight pages, and the answer lies on the tenth
    tell(connection, Id.SET_LOG_BASE, words(1, 0), [lab.passed.fd('page').number]);
    const features = lab.features & ~(1n << 29n) & ~(1n << 34n);
    connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
    tell(connection, Id.SET_FEATURES, u64(features));
    for (let turn = 0; turn < TIMES; turn++) {
      restart(front);
      tell(connection, Id.SET_VRING_ADDR, addressBytes(RING_1, USER + RING, SIZE, 1, 2 ** 40));
      lab.serve();
    }
    assert.ok(page.bytes.subarray(1).every((byte) => byte === 0));
  });

  test('packed rings that are empty, full or chained without end', () => {
    using front = lab.arrive('mapped');
    const { connection } = front;
    tell(connection, Id.SET_FEATURES, u64(lab.features & ~(1n << 26n)));
    const [available, used, next] = [0x80, 0x8000, NEXT];
    const patterns = [0, available | used, used, available, available | next, available | INDIRECT, 0xffff];
    const [driver, device] = [RING + 16 * SIZE, RING + 16 * SIZE + 4];
    for (let turn = 0; turn < TIMES; turn++) {
      connection.ask(Id.GET_VRING_BASE, ints(RING_1, 0));
      lab.ring.clear();
      const pattern = patterns[turn % patterns.length]!;
      // The flags of a packed descriptor are where the next index of a split one is, its id where the flags are
      for (let i = 0; i < SIZE; i++) lab.ring.describe(i, REQUEST, 16, i, pattern);
      lab.ring.bytes.fill(turn & 0xff, driver, device + 4);
      tell(connection, Id.SET_VRING_NUM, ints(RING_1, SIZE));
      tell(connection, Id.SET_VRING_BASE, ints(RING_1, 0x8000_8000));
      const parts = words(USER + RING, USER + device, USER + driver, 0);
      tell(connection, Id.SET_VRING_ADDR, joined(ints(RING_1, 0), parts));
      tell(connection, Id.SET_VRING_KICK, u64(0x100 | RING_1));
      tell(connection, Id.SET_VRING_ENABLE, ints(RING_1, 1));
      assert.equal(connection.ask(Id.GET_FEATURES), lab.features);
    }
    tell(connection, Id.RESET_DEVICE, new Uint8Array(0));
    tell(connection, Id.SET_FEATURES, u64(lab.features & ~(1n << 26n) & ~(1n << 29n) & ~(1n << 34n)));
    lab.startRing(connection);
    connection.ask(Id.GET_FEATURES);
    lab.serve();
  });
});
