import { SystemError } from '../errors.ts';
import { check, Errno, errnoName } from './errno.ts';
import { track, untrack } from './leaks.ts';
import * as libc from './libc.ts';

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;

/** File seals, fcntl(2). */
export const Seal = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16 } as const;

/** An open file descriptor with one owner, closed once. `name` says what it is, for error texts and leak reports. */
export class Fd implements Disposable {
  readonly name: string;
  #number: number;

  /** Take ownership of the open descriptor `number`. */
  constructor(number: number, name: string) {
    this.#number = number;
    this.name = name;
    track(this, `fd ${number} (${name})`);
  }

  /** The descriptor's number; throws once it is closed, so that a reused number is never touched by mistake. */
  get number(): number {
    if (this.#number < 0)
      throw new SystemError('use', Errno.EBADF, errnoName(Errno.EBADF), `${this.name} is closed`);
    return this.#number;
  }

  get closed(): boolean {
    return this.#number < 0;
  }

  /** A second descriptor for the same open file, close-on-exec. */
  duplicate(name = this.name): Fd {
    return new Fd(check(libc.fcntl(this.number, F_DUPFD_CLOEXEC, 3), 'fcntl(F_DUPFD_CLOEXEC)', name), name);
  }

  /** Give the number away: the caller owns it now, this object counts as closed. */
  release(): number {
    const number = this.number;
    this.#number = -1;
    untrack(this);
    return number;
  }

  setNonBlocking(on: boolean): void {
    const flags = check(libc.fcntl(this.number, F_GETFL, 0), 'fcntl(F_GETFL)', this.name);
    check(
      libc.fcntl(this.number, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK),
      'fcntl(F_SETFL)',
      this.name,
    );
  }

  setCloseOnExec(on: boolean): void {
    const flags = check(libc.fcntl(this.number, F_GETFD, 0), 'fcntl(F_GETFD)', this.name);
    check(
      libc.fcntl(this.number, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC),
      'fcntl(F_SETFD)',
      this.name,
    );
  }

  /** O_RDONLY 0, O_WRONLY 1 or O_RDWR 2, as the file was opened. */
  get accessMode(): number {
    return check(libc.fcntl(this.number, F_GETFL, 0), 'fcntl(F_GETFL)', this.name) & 3;
  }

  /** The `Seal` bits set on a memfd, or undefined where the file has no seals at all. */
  get seals(): number | undefined {
    const seals = libc.fcntl(this.number, F_GET_SEALS, 0);
    return seals < 0 ? undefined : seals;
  }

  addSeals(seals: number): void {
    check(libc.fcntl(this.number, F_ADD_SEALS, seals), 'fcntl(F_ADD_SEALS)', this.name);
  }

  [Symbol.dispose](): void {
    if (this.#number < 0) return;
    libc.close(this.#number);
    this.#number = -1;
    untrack(this);
  }
}

/** Close every descriptor in `fds` and empty the list. */
export function closeAll(fds: Fd[]): void {
  for (const fd of fds) fd[Symbol.dispose]();
  fds.length = 0;
}
