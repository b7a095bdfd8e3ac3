import { FerryError } from '../errors.ts';
import type { FuseClient, FuseDirectoryEntry } from '../fuse/index.ts';
import { ROOT_NODE, requests } from '../fuse/index.ts';

const O_RDWR = 2;
const WRITE_LOCK = 1;
const BLOCK = 4096;
const FILES = 48;
const BLOCKS = 16;
const GHOST_BYTES = 24 << 20;
const PIECE = 1 << 20;
const NAMES = 500;
const FIRST_READ = 40;
const KEEPER = 11n;
const RIVAL = 22n;

/** Something that was looked at after a move. */
export interface Observation {
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
}

interface OpenFile {
  readonly node: number;
  readonly handle: number;
  /** How often each block was written: with the file and block number that is what its bytes follow from. */
  readonly generations: Uint32Array;
}

/**
 * What a guest does on a file system while it is moved: it keeps files open, half of them deleted, and checks every
 * byte it reads; it holds a large deleted file, a lock and a half-read directory.
 */
export class Workload {
  readonly #client: FuseClient;
  readonly #files: OpenFile[] = [];
  readonly #expected = new Uint8Array(BLOCK);
  #ghost = { node: 0, handle: 0 };
  #locked = { node: 0, handle: 0 };
  #directory = { node: 0, handle: 0 };
  #seen: FuseDirectoryEntry[] = [];
  #random = 1;
  #last = 0;
  operations = 0;
  bytes = 0;
  errors = 0;
  /** Longest time between two answers, in milliseconds: what a guest notices of a move. */
  longestGap = 0;

  constructor(client: FuseClient) {
    this.#client = client;
  }

  /** Start a session and open everything. */
  begin(): void {
    const client = this.#client;
    client.init();
    this.#ghost = this.#create('ghost');
    const piece = new Uint8Array(PIECE);
    for (let at = 0; at < GHOST_BYTES; at += PIECE) {
      ghostBytes(at, piece);
      client.write(this.#ghost.node, this.#ghost.handle, at, piece);
    }
    client.call(requests.unlink(ROOT_NODE, 'ghost'));
    this.#locked = this.#create('locked');
    client.call(
      requests.setlk(this.#locked.node, { handle: this.#locked.handle, owner: KEEPER, type: WRITE_LOCK }),
    );
    const directory = client.mkdir(ROOT_NODE, 'many', 0o755).node;
    for (let i = 0; i < NAMES; i++) client.mknod(directory, `name-${i}`, 0o100644);
    this.#directory = { node: directory, handle: client.opendir(directory) };
    this.#seen = client.readdir(directory, this.#directory.handle, 0, FIRST_READ * 40);
    for (let i = 0; i < FILES; i++) {
      const file = { ...this.#create(`work-${i}`), generations: new Uint32Array(BLOCKS) };
      this.#files.push(file);
      for (let block = 0; block < BLOCKS; block++) this.#write(i, block);
      if (i % 2 === 1) client.call(requests.unlink(ROOT_NODE, `work-${i}`));
    }
    this.#last = performance.now();
  }

  /** Read, check and write for so long. */
  run(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    while (this.#tick() < end) this.#operate();
  }

  /** Look at everything once more. */
  prove(): Observation[] {
    this.#tick();
    for (let file = 0; file < FILES; file++)
      for (let block = 0; block < BLOCKS; block++) this.#check(file, block);
    const { operations, bytes, errors } = this;
    return [
      {
        what: 'files that were being worked on',
        ok: errors === 0 && operations > 0,
        found: `${operations} operations, ${bytes} bytes checked, ${errors} errors`,
      },
      this.#proveGhost(),
      this.#proveLock(),
      this.#proveDirectory(),
    ];
  }

  #tick(): number {
    const now = performance.now();
    this.longestGap = Math.max(this.longestGap, now - this.#last);
    this.#last = now;
    return now;
  }

  #operate(): void {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
    const file = (this.#random >>> 8) % FILES;
    const block = (this.#random >>> 16) % BLOCKS;
    if ((this.#random & 0x80) === 0) this.#check(file, block);
    else this.#write(file, block);
    this.operations++;
  }

  #write(file: number, block: number): void {
    const { node, handle, generations } = this.#files[file]!;
    generations[block]!++;
    blockBytes(file, block, generations[block]!, this.#expected);
    this.#client.write(node, handle, block * BLOCK, this.#expected);
  }

  #check(file: number, block: number): void {
    const { node, handle, generations } = this.#files[file]!;
    const found = this.#client.read(node, handle, block * BLOCK, BLOCK);
    blockBytes(file, block, generations[block]!, this.#expected);
    this.bytes += found.length;
    if (Buffer.compare(found, this.#expected) !== 0) this.errors++;
  }

  #create(name: string): { node: number; handle: number } {
    const { entry, handle } = this.#client.create(ROOT_NODE, name, O_RDWR, 0o600);
    return { node: entry.node, handle };
  }

  #proveGhost(): Observation {
    const piece = new Uint8Array(PIECE);
    let same = true;
    for (let at = 0; at < GHOST_BYTES; at += PIECE) {
      ghostBytes(at, piece);
      same &&=
        Buffer.compare(this.#client.read(this.#ghost.node, this.#ghost.handle, at, PIECE), piece) === 0;
    }
    const found = `${GHOST_BYTES} bytes ${same ? 'the same' : 'different'}`;
    return { what: 'the deleted file that was open', ok: same, found };
  }

  #proveLock(): Observation {
    const lock = { handle: this.#locked.handle, owner: RIVAL, type: WRITE_LOCK };
    const refused = refusal(() => this.#client.call(requests.setlk(this.#locked.node, lock)));
    return {
      what: 'the lock',
      ok: refused,
      found: refused ? 'another owner is refused' : 'another owner got it',
    };
  }

  #proveDirectory(): Observation {
    const { node, handle } = this.#directory;
    const all = [...this.#seen];
    for (;;) {
      const entries = this.#client.readdir(node, handle, all.at(-1)?.cookie ?? 0, 4096);
      if (entries.length === 0) break;
      all.push(...entries);
    }
    const names = new Set(all.map(({ name }) => Buffer.from(name).toString('latin1')));
    const ok = names.size === all.length && names.size === NAMES + 2;
    return {
      what: 'the half-read directory',
      ok,
      found: `${names.size} of ${NAMES + 2} names, ${all.length - names.size} twice`,
    };
  }
}

function refusal(attempt: () => void): boolean {
  try {
    attempt();
    return false;
  } catch (error) {
    if (error instanceof FerryError && error.code === 'ERR_FUSE') return true;
    throw error;
  }
}

function blockBytes(file: number, block: number, generation: number, into: Uint8Array): void {
  fill(Math.imul(file * BLOCKS + block + 1, 0x9e3779b1) ^ Math.imul(generation, 0x85ebca6b), into);
}

function ghostBytes(at: number, into: Uint8Array): void {
  fill(Math.imul(at / PIECE + 7, 0xc2b2ae35), into);
}

/** Bytes that follow from `seed` alone. */
function fill(seed: number, into: Uint8Array): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length >> 2);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}
