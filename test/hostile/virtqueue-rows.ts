/** What a driver may write into a split ring of 8, however wrong. Data only: `virtqueues.test.ts` plays it. */
import {
  ANSWER,
  type HostileRing,
  INDIRECT,
  INIT_LENGTH,
  INIT_ROOM,
  NEXT,
  REQUEST,
  SIZE,
  TABLE,
  WRITE,
} from './ring.ts';
import type { SourceId } from './sources.ts';

export interface RingRow {
  readonly name: string;
  readonly source?: SourceId;
  /** What the ring holds when it is looked at. */
  write(ring: HostileRing): void;
  /** What becomes of it: the ring is broken, or the request comes back with so many bytes written. */
  readonly expected: 'broken' | number;
}

/** A chain of one descriptor. */
export function one(address: number | bigint, length: number, flags = 0): (ring: HostileRing) => void {
  return (ring) => {
    ring.describe(0, address, length, flags);
    ring.offer(0);
  };
}

/** FUSE_INIT through an indirect table, cut into pieces of `piece` bytes. */
function indirectPieces(piece: number): (ring: HostileRing) => void {
  return (ring) => {
    let count = 0;
    for (let at = 0; at < INIT_LENGTH; at += piece, count++)
      ring.describe(count, REQUEST + at, Math.min(piece, INIT_LENGTH - at), NEXT, count + 1, TABLE);
    for (let at = 0; at < INIT_ROOM; at += piece, count++) {
      const last = at + piece >= INIT_ROOM;
      ring.describe(
        count,
        ANSWER + at,
        Math.min(piece, INIT_ROOM - at),
        last ? WRITE : WRITE | NEXT,
        count + 1,
        TABLE,
      );
    }
    ring.describe(0, TABLE, 16 * count, INDIRECT);
    ring.offer(0);
  };
}

export const ROWS: readonly RingRow[] = [
  {
    name: 'an available index that jumps',
    source: 'available index jumps',
    expected: 'broken',
    write: (ring) => (ring.availableIndex = SIZE + 1),
  },
  {
    name: 'an available index that goes back',
    source: 'BASE beyond available',
    expected: 'broken',
    write: (ring) => (ring.availableIndex = 0xffff),
  },
  { name: 'a head beyond the table', expected: 'broken', write: (ring) => ring.offer(SIZE) },
  {
    name: 'a next beyond the table',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, REQUEST, 1, NEXT, 0xffff);
      ring.offer(0);
    },
  },
  {
    name: 'a chain that is its own next',
    source: 'chain loops',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, REQUEST, 1, NEXT, 0);
      ring.offer(0);
    },
  },
  {
    name: 'a chain that comes back',
    source: 'chain loops',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, REQUEST, 1, NEXT, 1);
      ring.describe(1, REQUEST, 1, NEXT, 0);
      ring.offer(0);
    },
  },
  { name: 'a loop of empty descriptors', source: 'chain loops', expected: 'broken', write: one(0, 0, NEXT) },
  {
    name: 'a chain longer than the ring',
    source: 'chain too long',
    expected: 'broken',
    write: (ring) => {
      for (let i = 0; i < SIZE; i++) ring.describe(i, REQUEST, 1, NEXT, (i + 1) % SIZE);
      ring.offer(3);
    },
  },
  ...[0, 8, 17, 0xfffffff0].map(
    (length): RingRow => ({
      name: `an indirect table of ${length} bytes`,
      source: length === 17 ? 'CVE-2026-6425' : 'indirect lengths',
      expected: 'broken',
      write: one(TABLE, length, INDIRECT),
    }),
  ),
  {
    name: 'an indirect table outside memory',
    source: 'CVE-2026-6425',
    expected: 'broken',
    write: one(2 ** 40, 32, INDIRECT),
  },
  {
    name: 'an indirect table in an indirect table',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, TABLE, 16, INDIRECT, 0, TABLE);
      one(TABLE, 16, INDIRECT)(ring);
    },
  },
  {
    name: 'a next beyond an indirect table',
    source: 'CVE-2026-6425',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, REQUEST, 1, NEXT, 9, TABLE);
      one(TABLE, 32, INDIRECT)(ring);
    },
  },
  {
    name: 'an address and a length that wrap',
    source: 'descriptor wraps',
    expected: 'broken',
    write: one(2n ** 64n - 8n, 16),
  },
  { name: 'an address that is nowhere', expected: 'broken', write: one(2 ** 40, 1) },
  { name: '4 GiB from where memory is', expected: 'broken', write: one(0, 0xffffffff, WRITE) },
  {
    name: 'reading after writing',
    expected: 'broken',
    write: (ring) => {
      ring.describe(0, ANSWER, 80, WRITE | NEXT, 1);
      ring.describe(1, REQUEST, 104);
      ring.offer(0);
    },
  },
  { name: 'no bytes at a bad address', source: 'CVE-2020-10725', expected: 0, write: one(2 ** 40, 0) },
  { name: 'a request of a byte', source: 'CVE-2022-2132', expected: 0, write: one(REQUEST, 1) },
  {
    name: 'a header without its end',
    source: 'CVE-2022-2132',
    expected: 16,
    write: (ring) => {
      ring.describe(0, REQUEST, 39, NEXT, 1);
      ring.describe(1, ANSWER, INIT_ROOM, WRITE);
      ring.offer(0);
    },
  },
  { name: 'no room for an answer', source: 'CVE-2022-2132', expected: 0, write: one(REQUEST, INIT_LENGTH) },
  {
    name: 'room for half an answer',
    source: 'CVE-2024-8612',
    expected: 16,
    write: (ring) => {
      ring.describe(0, REQUEST, INIT_LENGTH, NEXT, 1);
      ring.describe(1, ANSWER, 20, WRITE);
      ring.offer(0);
    },
  },
  {
    name: 'much more room than the answer takes',
    source: 'CVE-2024-8612',
    expected: INIT_ROOM,
    write: (ring) => {
      ring.describe(0, REQUEST, INIT_LENGTH, NEXT, 1);
      ring.describe(1, ANSWER, 0x10000, WRITE);
      ring.offer(0);
    },
  },
  {
    name: 'a header over many descriptors',
    source: 'CVE-2022-2132',
    expected: INIT_ROOM,
    write: indirectPieces(7),
  },
  {
    name: 'a used index that the driver wrote over',
    source: 'used index jumps',
    expected: INIT_ROOM,
    write: (ring) => {
      ring.usedIndex = 0x1234;
      ring.offerInit();
    },
  },
];
