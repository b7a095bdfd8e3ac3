import type { Inode } from './inode.ts';
import { equalsBytes, hashBytes, hashName } from './name.ts';

/** The cookie of the first name; 1 and 2 are those of `.` and `..`. */
export const FIRST_COOKIE = 3;

/** Removed entries are kept in the order until there are this many, and more than there are live ones. */
const COMPACT_AT = 32;

/** One name in a directory. */
export class DirectoryEntry {
  /** One character per byte. */
  readonly name: string;
  readonly hash: number;
  /** Where the entry stands in the order of the directory: READDIR resumes after it. Never used twice. */
  readonly cookie: number;
  /** Undefined once the name is gone. */
  inode: Inode | undefined;
  /** The next entry whose name has the same hash. */
  next: DirectoryEntry | undefined = undefined;

  constructor(name: string, hash: number, cookie: number, inode: Inode) {
    this.name = name;
    this.hash = hash;
    this.cookie = cookie;
    this.inode = inode;
  }
}

/**
 * The names in one directory. A position in it is the cookie of the last entry that was returned; cookies only grow, so
 * a position means the same whatever is added or removed meanwhile, and on the other side of a migration.
 */
export class Directory {
  /** The directory that this one is in: what `..` names. The root is its own parent. */
  parent: Inode;
  /** The cookie that the next new name gets. */
  nextCookie = FIRST_COOKIE;
  #buckets = new Map<number, DirectoryEntry>();
  /** By ascending cookie, with removed ones in between. */
  #order: DirectoryEntry[] = [];
  #size = 0;

  constructor(parent: Inode) {
    this.parent = parent;
  }

  /** How many names there are, `.` and `..` aside. */
  get size(): number {
    return this.#size;
  }

  /** The highest cookie that a name had since removed names were last cleared away; 0 while there was none. */
  get lastCookie(): number {
    return this.#order.at(-1)?.cookie ?? 0;
  }

  /** The entry named by `length` bytes from `start`. Allocates nothing. */
  find(bytes: Uint8Array, start: number, length: number): DirectoryEntry | undefined {
    let entry = this.#buckets.get(hashBytes(bytes, start, length));
    while (entry !== undefined && !equalsBytes(entry.name, bytes, start, length)) entry = entry.next;
    return entry;
  }

  /** The entry called `name`. */
  get(name: string): DirectoryEntry | undefined {
    let entry = this.#buckets.get(hashName(name));
    while (entry !== undefined && entry.name !== name) entry = entry.next;
    return entry;
  }

  /** Add a name that is not there yet. Link counts are the caller's. */
  add(name: string, inode: Inode): DirectoryEntry {
    return this.restore(name, inode, this.nextCookie);
  }

  /** Add a name under the cookie it had elsewhere; cookies must ascend from call to call. */
  restore(name: string, inode: Inode, cookie: number): DirectoryEntry {
    const hash = hashName(name);
    const entry = new DirectoryEntry(name, hash, cookie, inode);
    entry.next = this.#buckets.get(hash);
    this.#buckets.set(hash, entry);
    this.#order.push(entry);
    this.#size++;
    this.nextCookie = Math.max(this.nextCookie, cookie + 1);
    return entry;
  }

  /** Remove an entry of this directory. Link counts are the caller's. */
  remove(entry: DirectoryEntry): void {
    const head = this.#buckets.get(entry.hash);
    if (head === entry) {
      if (entry.next === undefined) this.#buckets.delete(entry.hash);
      else this.#buckets.set(entry.hash, entry.next);
    } else {
      let before = head;
      while (before !== undefined && before.next !== entry) before = before.next;
      if (before !== undefined) before.next = entry.next;
    }
    entry.inode = undefined;
    entry.next = undefined;
    this.#size--;
    const gone = this.#order.length - this.#size;
    if (gone > COMPACT_AT && gone > this.#size)
      this.#order = this.#order.filter((kept) => kept.inode !== undefined);
  }

  /** The index from which `at` yields the entries after `cookie`; good until the directory changes. */
  indexAfter(cookie: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order[middle]!.cookie <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The entry at an index, which may be a removed one (its `inode` is undefined), or undefined beyond the end. */
  at(index: number): DirectoryEntry | undefined {
    return this.#order[index];
  }

  /** The names and what they name, in the order of the directory. */
  *entries(): IterableIterator<[DirectoryEntry, Inode]> {
    for (const entry of this.#order) if (entry.inode !== undefined) yield [entry, entry.inode];
  }
}
