import { check } from './errno.ts';
import { Fd } from './fd.ts';
import * as libc from './libc.ts';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const counter = new Uint8Array(8);

/** A new eventfd at zero, non-blocking, close-on-exec. */
export function createEventfd(name: string): Fd {
  return new Fd(check(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd', name), name);
}

/** Add one to the eventfd `number`. A full counter or a peer's odd descriptor is no error: the reader is awake then. */
export function signalEventfd(number: number): void {
  libc.write(number, one, 8);
}

/** Take an eventfd back to zero. Returns whether it had been signalled. */
export function drainEventfd(number: number): boolean {
  return Number(libc.read(number, counter, 8)) === 8;
}
