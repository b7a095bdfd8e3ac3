import { check, Errno, systemError } from './errno.ts';
import { Fd } from './fd.ts';
import * as libc from './libc.ts';
import * as sockets from './libc-sockets.ts';
import { type Mapping, mapAnonymous } from './mapping.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLET = 2 ** 31;

/** struct epoll_event is packed on this one architecture. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const DATA_AT = process.arch === 'x64' ? 4 : 8;
const MOST_EVENTS = 64;

/**
 * Descriptors that are watched for changes: each event is told once, and again only when something new came (EPOLLET). One
 * thread may wait while others add and remove.
 */
export class Epoll implements Disposable {
  readonly #fd: Fd;
  readonly #memory: Mapping;
  readonly #view: DataView;

  /** A new one, or the one that `fd` is, which is taken over. */
  constructor(fd = new Fd(check(sockets.epollCreate1(EPOLL_CLOEXEC), 'epoll_create1'), 'epoll')) {
    this.#fd = fd;
    this.#memory = mapAnonymous(MOST_EVENTS * 16, 'epoll events');
    this.#view = new DataView(this.#memory.buffer);
  }

  /** A descriptor for the same set of descriptors, for another thread. */
  duplicate(): Fd {
    return this.#fd.duplicate();
  }

  /** Watch descriptor `number` for `events` (`Poll` bits); `token`, a number of 32 bits, comes back with each event. */
  add(number: number, events: number, token: number): void {
    this.#view.setUint32(0, (events | EPOLLET) >>> 0, true);
    this.#view.setUint32(DATA_AT, token, true);
    this.#view.setUint32(DATA_AT + 4, 0, true);
    check(sockets.epollCtl(this.#fd.number, EPOLL_CTL_ADD, number, this.#memory.address), 'epoll_ctl(ADD)');
  }

  /** Stop watching descriptor `number`, which must still be open. */
  remove(number: number): void {
    check(sockets.epollCtl(this.#fd.number, EPOLL_CTL_DEL, number, this.#memory.address), 'epoll_ctl(DEL)');
  }

  /** Sleep until something happens. The tokens of the descriptors that it happened to. */
  wait(): number[] {
    const count = sockets.epollWait(this.#fd.number, this.#memory.address, MOST_EVENTS, -1);
    if (count < 0 && libc.errno() !== Errno.EINTR) throw systemError('epoll_wait');
    return Array.from({ length: Math.max(0, count) }, (_, i) =>
      this.#view.getUint32(i * EVENT_SIZE + DATA_AT, true),
    );
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}
