import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeRequest,
  FuseClient,
  type FuseRequest,
  OutHeader,
  replyRoom,
  requests,
} from '../src/fuse/index.ts';
import { FuseSession, type Waiting } from '../src/machine/index.ts';
import { type BackEndProcess, serveFerry, serveVirtiofsd } from './back-ends.ts';
import { median, type Row, row } from './report.ts';

const ROOT = 1;
const MIB = 1 << 20;
const ROUNDS = 5;
const O_RDWR = 2;
const CREATED = 1000;

interface Operation {
  readonly name: string;
  /** Requests per round with a driver that sleeps and one that spins. */
  readonly counts: Readonly<Record<Waiting, number>>;
  request(files: Files): FuseRequest;
}

interface Files {
  readonly node: number;
  readonly handle: number;
}

const small = { blocking: 10_000, spinning: 200_000 };
const large = { blocking: 1_500, spinning: 1_500 };

const operations: readonly Operation[] = [
  { name: 'LOOKUP', counts: small, request: () => requests.lookup(ROOT, 'bench') },
  { name: 'GETATTR', counts: small, request: ({ node }) => requests.getattr(node) },
  { name: 'READ 4 KiB', counts: small, request: ({ node, handle }) => requests.read(node, handle, 0, 4096) },
  { name: 'READ 1 MiB', counts: large, request: ({ node, handle }) => requests.read(node, handle, 0, MIB) },
  {
    name: 'WRITE 4 KiB',
    counts: small,
    request: ({ node, handle }) => requests.write(node, handle, 0, new Uint8Array(4096).fill(7)),
  },
  {
    name: 'WRITE 1 MiB',
    counts: large,
    request: ({ node, handle }) => requests.write(node, handle, 0, new Uint8Array(MIB).fill(7)),
  },
];

/** One back end with a session of its own and a file of 1 MiB to work on. */
class Bench implements AsyncDisposable {
  readonly name: string;
  readonly #backEnd: BackEndProcess;
  readonly #session: FuseSession;
  readonly #client: FuseClient;
  readonly #files: Files;
  #created = 0;

  constructor(backEnd: BackEndProcess) {
    this.name = backEnd.name;
    this.#backEnd = backEnd;
    this.#session = new FuseSession({ depth: 16 });
    this.#session.adopt(this.#session.prepareBackEnd(backEnd.socket));
    this.#session.start();
    this.#client = new FuseClient(this.#session.transport);
    this.#client.init();
    const { entry, handle } = this.#client.create(ROOT, 'bench', O_RDWR, 0o644);
    this.#files = { node: entry.node, handle };
    this.#client.write(entry.node, handle, 0, new Uint8Array(MIB).fill(1));
  }

  /** Requests per second of one round. */
  measure(operation: Operation, waiting: Waiting, depth: number): number {
    const session = this.#session;
    const slots = Array.from({ length: depth }, (_, slot) => slot);
    const request = operation.request(this.#files);
    for (const slot of slots) session.prepare(slot, encodeRequest(request, 100n), replyRoom(request));
    session.waiting = waiting;
    const count = operation.counts[waiting];
    session.stream(slots, Math.ceil(count / 10));
    const start = performance.now();
    session.stream(slots, count);
    const seconds = (performance.now() - start) / 1000;
    const { error } = OutHeader.decode(session.reply(0, 16));
    if (error !== 0) throw new Error(`${operation.name} answered with error ${error}`);
    session.waiting = 'blocking';
    return count / seconds;
  }

  /** CREATE requests per second: each makes a file of its own, which is released and removed outside the clock. */
  measureCreate(waiting: Waiting, depth: number): number {
    const session = this.#session;
    const slots = Array.from({ length: depth }, (_, slot) => slot);
    const made: { name: string; node: number; handle: number }[] = [];
    const names: string[] = [];
    const put = (slot: number) => {
      names[slot] = `file-${String(this.#created++).padStart(9, '0')}`;
      const request = requests.create(ROOT, names[slot], O_RDWR, 0o644);
      session.prepare(slot, encodeRequest(request, 100n), replyRoom(request));
    };
    for (const slot of slots) put(slot);
    session.waiting = waiting;
    const start = performance.now();
    session.stream(slots, CREATED, (slot) => {
      const view = new DataView(session.reply(slot, 160).buffer, session.reply(slot, 160).byteOffset);
      if (view.getInt32(4, true) !== 0)
        throw new Error(`CREATE answered with error ${view.getInt32(4, true)}`);
      const handle = Number(view.getBigUint64(16 + 128, true));
      made.push({ name: names[slot]!, node: Number(view.getBigUint64(16, true)), handle });
      put(slot);
    });
    const seconds = (performance.now() - start) / 1000;
    session.waiting = 'blocking';
    for (const { name, node, handle } of made) {
      this.#client.call(requests.release(node, handle));
      this.#client.call(requests.unlink(ROOT, name));
      this.#client.forget(node, 1);
    }
    return CREATED / seconds;
  }

  /** Microseconds that one control message takes there and back. */
  measureControl(): number {
    const count = 2_000;
    const start = performance.now();
    for (let i = 0; i < count; i++) this.#session.frontEnd.ping();
    return ((performance.now() - start) / count) * 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session[Symbol.dispose]();
    await this.#backEnd[Symbol.asyncDispose]();
  }
}

const CONTROL = 'control/GET_FEATURES';

/** What Ferry serves, by the prefix of its rows: files in memory, and files of a host directory. */
const BACKINGS = ['fuse', 'directory'] as const;
type Backing = (typeof BACKINGS)[number];

/** The back ends under comparison: Ferry's by their backing, and the peer that does the work of both. */
interface Field {
  readonly ferry: ReadonlyMap<Backing, Bench>;
  readonly peer: Bench;
}

/** The medians of several rounds, in each of which every back end has its turn. */
function compare({ ferry, peer }: Field, backings: readonly Backing[], measure: (bench: Bench) => number) {
  const ours = new Map<Backing, number[]>(backings.map((backing) => [backing, []]));
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [backing, figures] of ours) figures.push(measure(ferry.get(backing)!));
    theirs.push(measure(peer));
  }
  const against = { name: peer.name, value: median(theirs) };
  return backings.map((backing) => ({ backing, ours: median(ours.get(backing)!), theirs: against }));
}

/**
 * Rows of FUSE requests per second and control latency, with files in memory (`fuse/…`) and in a host directory
 * (`directory/…`), each round of one back end beside a round of the others.
 */
export async function fuseRows(wanted: (name: string) => boolean, onRow: (row: Row) => void): Promise<void> {
  const names = [...operations.map(({ name }) => name), 'CREATE'];
  const control = wanted(CONTROL);
  if (!control && !names.some((name) => BACKINGS.some((backing) => wanted(`${backing}/${name}`)))) return;
  await using ourFolder = await mkdtempDisposable(join(tmpdir(), 'ferry-bench-ours-'));
  await using theirFolder = await mkdtempDisposable(join(tmpdir(), 'ferry-bench-theirs-'));
  await using memory = new Bench(await serveFerry(['fs', '--memory', '2G']));
  await using directory = new Bench(await serveFerry(['fs', '--directory', ourFolder.path]));
  await using peer = new Bench(await serveVirtiofsd(theirFolder.path));
  const field: Field = {
    ferry: new Map([
      ['fuse', memory],
      ['directory', directory],
    ]),
    peer,
  };
  const rows = (name: string, variant: string, measure: (bench: Bench) => number) => {
    const backings = BACKINGS.filter((backing) => wanted(`${backing}/${name}`));
    if (backings.length === 0) return;
    for (const { backing, ours, theirs } of compare(field, backings, measure))
      onRow(row(`${backing}/${name}`, variant, 'requests/s', ours, theirs));
  };
  for (const waiting of ['blocking', 'spinning'] as const)
    for (const depth of [1, 16]) {
      const variant = `${waiting}, depth ${depth}`;
      for (const operation of operations)
        rows(operation.name, variant, (bench) => bench.measure(operation, waiting, depth));
      rows('CREATE', variant, (bench) => bench.measureCreate(waiting, depth));
    }
  if (!control) return;
  for (const { ours, theirs } of compare(field, ['fuse'], (bench) => bench.measureControl()))
    onRow(row(CONTROL, 'round trip', 'µs', ours, theirs, true));
}
