import { fstatSync } from 'node:fs';
import { FerryError } from '../errors.ts';
import { check } from './errno.ts';
import { Fd } from './fd.ts';
import { track, untrack } from './leaks.ts';
import * as libc from './libc.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Bytes in a page of this machine's memory: 4096 on every machine Ferry runs on. */
export const PAGE_SIZE = 4096;

/** `length` rounded up to whole pages. */
export function pageRound(length: number): number {
  return Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
}

/**
 * A piece of mapped memory with one owner. Its views must not be used once it is disposed of: `bytes` throws then, but
 * a view that somebody kept would touch unmapped memory.
 */
export class Mapping implements Disposable {
  readonly address: number;
  readonly length: number;
  readonly name: string;
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  /** Take ownership of the mapping at `address`. */
  constructor(address: number, length: number, name: string) {
    this.address = address;
    this.length = length;
    this.name = name;
    this.#bytes = new Uint8Array(libc.view(address, length));
    track(this, `mapping of ${length} bytes (${name})`);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes === undefined)
      throw new FerryError('ERR_UNMAPPED', `The mapping of ${this.name} has been given back`);
    return this.#bytes;
  }

  /** The buffer under `bytes`, to lay further views on. */
  get buffer(): ArrayBuffer {
    return this.bytes.buffer;
  }

  [Symbol.dispose](): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    untrack(this);
    check(libc.munmap(this.address, this.length), 'munmap', this.name);
  }
}

/**
 * Map `length` bytes of `fd` from `offset`, shared, for reading and, unless `readOnly`, writing. `offset` must be a
 * multiple of the page size; the length is rounded up to whole pages. Throws `ERR_BEYOND_END` where a regular file or
 * memfd ends before the range does: touching that memory would kill the process.
 */
export function mapShared(
  fd: Fd,
  offset: number,
  length: number,
  { readOnly = false, name = fd.name }: { readOnly?: boolean; name?: string } = {},
): Mapping {
  const stat = fstatSync(fd.number);
  if (stat.isFile() && offset + length > stat.size)
    throw new FerryError(
      'ERR_BEYOND_END',
      `${name} covers bytes ${offset} to ${offset + length}, but its file has ${stat.size} bytes`,
    );
  const rounded = pageRound(length);
  const address = libc.mmap(
    rounded,
    readOnly ? PROT_READ : PROT_READ | PROT_WRITE,
    MAP_SHARED,
    fd.number,
    offset,
  );
  check(address, 'mmap', `${name}, ${rounded} bytes from ${offset}`);
  return new Mapping(address, rounded, name);
}

/**
 * A view on `length` bytes of memory at `address` that another thread of this process has mapped. The memory stays that
 * thread's: it has to stay mapped for as long as anybody uses the view.
 */
export function viewMemory(address: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(libc.view(address, length));
}

/** Map `length` bytes of private zeroed memory that no file backs. */
export function mapAnonymous(length: number, name: string): Mapping {
  const rounded = pageRound(length);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const address = libc.mmap(rounded, PROT_READ | PROT_WRITE, flags, -1, 0);
  check(address, 'mmap', `${name}, ${rounded} bytes`);
  return new Mapping(address, rounded, name);
}

/** A new memfd of `size` bytes that can be sealed; no memory is used before it is touched. */
export function createMemfd(name: string, size: number): Fd {
  const fd = new Fd(
    check(libc.memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create', name),
    name,
  );
  try {
    check(libc.ftruncate(fd.number, size), 'ftruncate', `${name} to ${size} bytes`);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** Give the memory or disk space under a range of `fd` back; it reads as zeroes afterwards. */
export function punchHole(fd: Fd, offset: number, length: number): void {
  check(
    libc.fallocate(fd.number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length),
    'fallocate',
    fd.name,
  );
}

/** Reserve memory or disk space under a range of `fd` without changing what it reads as. */
export function reserve(fd: Fd, offset: number, length: number): void {
  check(libc.fallocate(fd.number, 0, offset, length), 'fallocate', fd.name);
}
