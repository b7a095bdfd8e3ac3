/** What a blk device is sent through its ring, and what it finds in a region of requests in flight. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Mapping, mapShared } from '../../src/sys/index.ts';
import { FrontEndRequest as Id } from '../../src/vhost-user/index.ts';
import { addressBytes, ints, RAM_SIZE, USER, u64 } from '../support/vhost-user-rig.ts';
import { inflight } from './inflight.ts';
import { Lab } from './lab.ts';
import { ANSWER, RING, SIZE } from './ring.ts';
import { serveBlk } from './served-device.ts';

const TIMES = 1000;
const UNSUPPORTED = 2;
let lab: Lab;
let region: Mapping;
before(async () => {
  lab = await Lab.open(serveBlk);
  region = mapShared(lab.passed.fd('unsealed'), 0, RAM_SIZE);
});
after(async () => {
  region[Symbol.dispose]();
  await lab[Symbol.asyncDispose]();
});

describe('requests that are not offered are unsupported, whatever room they have', () => {
  for (const [name, type] of [
    ['SCSI_CMD', 2],
    ['SECURE_ERASE', 14],
    ['ZONE_APPEND', 15],
    ['ZONE_REPORT', 16],
    ['ZONE_RESET_ALL', 26],
    ['a type that does not exist', 0xffffffff],
  ] as const)
    test(name, async () => {
      using front = lab.arrive('running');
      const before = await lab.served.holdings();
      for (let turn = 0; turn < TIMES; turn++) {
        const { ring } = lab;
        const room = [1, 16, 4096, 0x20000][turn % 4]!;
        const used = (ring.usedIndex + 1) & 0xffff;
        ring.offerBlk(type, room);
        lab.kick();
        lab.awaitUsed(used);
        assert.equal(ring.bytes[ANSWER + room - 1], UNSUPPORTED);
        assert.ok(ring.usedLength <= room);
      }
      lab.serve();
      assert.deepEqual(await lab.served.holdings(), before);
      assert.ok(front.connection.ask(Id.GET_FEATURES) > 0n);
    });
});

/** Bytes of a split queue of 128 in the region, and where its header and entries have their fields. */
const STRIDE = 2112;
const VERSION = 8;
const DESC_NUM = 10;
const LAST_BATCH_HEAD = 12;
const USED_IDX = 14;

/** The part of ring 1, with `entries` in flight: number, counter, next. */
function part(
  header: { version?: number; descNum?: number; last?: number; used?: number },
  ...entries: (readonly [index: number, counter: bigint, next: number])[]
): void {
  region.bytes.fill(0);
  const view = new DataView(region.bytes.buffer, region.bytes.byteOffset + STRIDE, STRIDE);
  view.setUint16(VERSION, header.version ?? 1, true);
  view.setUint16(DESC_NUM, header.descNum ?? 128, true);
  view.setUint16(LAST_BATCH_HEAD, header.last ?? 0, true);
  view.setUint16(USED_IDX, header.used ?? 0, true);
  for (const [index, counter, next] of entries) {
    const at = 16 + 16 * index;
    view.setUint8(at, 1);
    view.setUint16(at + 6, next, true);
    view.setBigUint64(at + 8, counter, true);
  }
}

describe('a region of requests in flight: the ring starts, or is refused, and a good one starts afterwards', () => {
  const rows: readonly (readonly [name: string, write: () => void, answer: 0n | 1n])[] = [
    ['version 0', () => part({ version: 0 }), 0n],
    ['version 2', () => part({ version: 2 }), 1n],
    ['version 65535', () => part({ version: 0xffff }), 1n],
    ['for a ring of no entries', () => part({ descNum: 0 }), 1n],
    ['for a smaller ring', () => part({ descNum: 4 }), 1n],
    ['for a larger ring than there is room for', () => part({ descNum: 0xffff }), 1n],
    ['one counter twice', () => part({}, [0, 5n, 0], [1, 5n, 0]), 1n],
    ['a list that loops', () => part({ last: 0, used: 0xfff8 }, [0, 1n, 1], [1, 2n, 0]), 1n],
    ['a list that leaves the ring', () => part({ last: 0xffff, used: 0xffff }, [0, 1n, 0]), 1n],
    ['a used index that is far off', () => part({ used: 0x4000 }, [0, 1n, 0]), 1n],
    ['requests that the ring has no room for', () => part({}, [100, 1n, 0]), 1n],
    ['every byte set', () => region.bytes.fill(0xff), 1n],
  ];
  for (const [name, write, answer] of rows)
    test(name, async () => {
      using front = lab.arrive('mapped');
      const { connection } = front;
      const before = await lab.served.holdings();
      const start = (fds: readonly number[]) => {
        assert.equal(connection.ask(Id.SET_INFLIGHT_FD, inflight(2 * STRIDE, 0, 2, 128), fds), 0n);
        lab.ring.clear();
        assert.equal(connection.ask(Id.SET_VRING_NUM, ints(1, SIZE)), 0n);
        assert.equal(connection.ask(Id.SET_VRING_BASE, ints(1, 0)), 0n);
        assert.equal(connection.ask(Id.SET_VRING_ADDR, addressBytes(1, USER + RING, SIZE)), 0n);
        return connection.ask(Id.SET_VRING_KICK, u64(1), [lab.passed.fd('event').number]);
      };
      const unsealed = [lab.passed.fd('unsealed').number];
      for (let turn = 0; turn <= TIMES; turn++) {
        write();
        assert.equal(start(unsealed), answer);
        connection.ask(Id.GET_VRING_BASE, ints(1, 0));
      }
      part({});
      assert.equal(start(unsealed), 0n);
      connection.ask(Id.GET_VRING_BASE, ints(1, 0));
      lab.startRing(connection);
      connection.ask(Id.GET_FEATURES);
      lab.serve();
      const after = await lab.served.holdings();
      // The kick, the call, and the region's mapping
      assert.deepEqual(after, { fds: before.fds + 2, mappings: before.mappings + 1 });
    });
});
