import { mkdtempDisposable, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlkSession, type Waiting } from '../src/machine/index.ts';
import { type BackEndProcess, serveFerry, serveStorageDaemon } from './back-ends.ts';
import { median, type Row, row } from './report.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;
const IMAGE = 256 * MIB;
const PIECE = 64 * KIB;
const ROUNDS = 5;
const DEPTHS = [1, 16, 64] as const;
const QUEUE = 0;

interface Size {
  readonly name: string;
  readonly bytes: number;
  /** Requests per round with a driver that sleeps and one that spins. */
  readonly counts: Readonly<Record<Waiting, number>>;
}

const SIZES: readonly Size[] = [
  { name: '4 KiB', bytes: 4 * KIB, counts: { blocking: 5_000, spinning: 50_000 } },
  { name: '1 MiB', bytes: MIB, counts: { blocking: 500, spinning: 500 } },
];

const DIRECTIONS = ['READ', 'WRITE'] as const;

/** One back end with a session of its own on a raw image of its own. */
class Bench implements AsyncDisposable {
  readonly name: string;
  readonly #backEnd: BackEndProcess;
  readonly #session: BlkSession;

  constructor(backEnd: BackEndProcess) {
    this.name = backEnd.name;
    this.#backEnd = backEnd;
    this.#session = new BlkSession({ depth: Math.max(...DEPTHS), maxData: MIB });
    this.#session.connect(backEnd.socket);
  }

  /** Requests per second of one round: each slot has its own place in the image. */
  measure(direction: (typeof DIRECTIONS)[number], size: Size, waiting: Waiting, depth: number): number {
    const session = this.#session;
    const slots = Array.from({ length: depth }, (_, slot) => slot);
    for (const slot of slots) {
      const offset = slot * size.bytes;
      if (direction === 'READ') session.prepareRead(QUEUE, slot, offset, size.bytes);
      else {
        session.prepareWrite(QUEUE, slot, offset, size.bytes);
        session.data(QUEUE, slot).fill(7);
      }
    }
    const count = size.counts[waiting];
    session.waiting = waiting;
    session.stream(QUEUE, slots, Math.ceil(count / 10));
    const start = performance.now();
    session.stream(QUEUE, slots, count);
    const seconds = (performance.now() - start) / 1000;
    session.waiting = 'blocking';
    const status = session.status(QUEUE, 0);
    if (status !== 0) throw new Error(`${direction} ${size.name} was answered with status ${status}`);
    return count / seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session[Symbol.dispose]();
    await this.#backEnd[Symbol.asyncDispose]();
  }
}

/** Rows of block requests per second on a raw image in the page cache, one round of each back end beside the other's. */
export async function blkRows(wanted: (name: string) => boolean, onRow: (row: Row) => void): Promise<void> {
  const tests = DIRECTIONS.flatMap((direction) =>
    SIZES.map((size) => ({ direction, size, name: `blk/${direction} ${size.name}` })),
  ).filter(({ name }) => wanted(name));
  if (tests.length === 0) return;
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ferry-bench-images-'));
  const images = await Promise.all(
    ['ours.raw', 'theirs.raw'].map((name) => makeImage(join(folder.path, name))),
  );
  await using ferry = new Bench(await serveFerry(['blk', '--path', images[0]!]));
  await using peer = new Bench(await serveStorageDaemon(images[1]!));
  for (const waiting of ['blocking', 'spinning'] as const)
    for (const depth of DEPTHS)
      for (const { direction, size, name } of tests) {
        const ours: number[] = [];
        const theirs: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          ours.push(ferry.measure(direction, size, waiting, depth));
          theirs.push(peer.measure(direction, size, waiting, depth));
        }
        const against = { name: peer.name, value: median(theirs) };
        onRow(row(name, `${waiting}, depth ${depth}`, 'requests/s', median(ours), against));
      }
}

/**
 * A raw image without holes. What one write leaves in the page cache, ext4 keeps in one piece, which every small write
 * into it has to walk through, whoever makes it: an image that is written in small pieces does not measure that.
 */
async function makeImage(path: string): Promise<string> {
  await using file = await open(path, 'wx');
  const piece = new Uint8Array(PIECE).fill(0xa5);
  for (let at = 0; at < IMAGE; at += PIECE) await file.write(piece, 0, PIECE, at);
  return path;
}
