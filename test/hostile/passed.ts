/** Descriptors that hostile requests pass along, by name. */
import { openSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createEventfd,
  createMemfd,
  createPipe,
  createSocketPair,
  Fd,
  PAGE_SIZE,
  Seal,
} from '../../src/sys/index.ts';
import { RAM_SIZE } from '../support/vhost-user-rig.ts';

/** What `Seal` does not name: no further writable mapping. */
const SEAL_WRITE = 8;

export type PassedName =
  | 'ram'
  | 'page'
  | 'unsealed'
  | 'read-only'
  | 'event'
  | 'other event'
  | 'reading end'
  | 'writing end'
  | 'socket'
  | 'file'
  | 'directory'
  | 'epoll'
  | 'full'
  | 'zeroes'
  /** The hostile front end's own connection. */
  | 'connection';

/** All of them, open until disposed of. */
export class Passed implements Disposable {
  readonly #fds: Map<PassedName, Fd>;
  readonly #also: Fd[];

  /** Files are made in `folder`. */
  constructor(folder: string) {
    const pipe = createPipe('hostile');
    const [near, far] = createSocketPair('hostile');
    const file = join(folder, 'file');
    writeFileSync(file, new Uint8Array(PAGE_SIZE));
    const sealed = (name: string, size: number, seal: number) => {
      const fd = createMemfd(name, size);
      fd.addSeals(seal);
      return fd;
    };
    this.#also = [far];
    this.#fds = new Map<PassedName, Fd>([
      ['ram', sealed('ram', RAM_SIZE, Seal.shrink)],
      ['page', sealed('page', PAGE_SIZE, Seal.shrink)],
      ['unsealed', createMemfd('unsealed', RAM_SIZE)],
      ['read-only', sealed('read-only', RAM_SIZE, Seal.shrink | SEAL_WRITE)],
      ['event', createEventfd('hostile')],
      ['other event', createEventfd('other hostile')],
      ['reading end', pipe.read],
      ['writing end', pipe.write],
      ['socket', near],
      ['file', new Fd(openSync(file, 'r+'), 'file')],
      ['directory', new Fd(openSync(folder, 'r'), 'directory')],
      ['full', new Fd(openSync('/dev/full', 'w'), 'full')],
      ['zeroes', new Fd(openSync('/dev/zero', 'r'), 'zeroes')],
    ]);
  }

  fd(name: PassedName): Fd {
    const fd = this.#fds.get(name);
    if (fd === undefined) throw new Error(`Nothing is passed along as ${name}`);
    return fd;
  }

  /** The numbers to pass, for the front end on `connection`. */
  numbers(names: readonly PassedName[], connection: Fd): number[] {
    return names.map((name) => {
      if (name === 'connection') return connection.number;
      return name === 'epoll' ? ownEpoll() : this.fd(name).number;
    });
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#fds.values(), ...this.#also]) fd[Symbol.dispose]();
  }
}

/** This process has one: its event loop's. */
function ownEpoll(): number {
  const found = readdirSync('/proc/self/fd').find((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`) === 'anon_inode:[eventpoll]';
    } catch {
      return false; // The one that lists the folder is closed by now
    }
  });
  if (found === undefined) throw new Error('This process has no epoll descriptor');
  return Number(found);
}
