import { constants } from 'node:os';
import { SystemError } from '../errors.ts';
import { errno } from './libc.ts';

/** Linux error numbers by name, as the running kernel's architecture has them. */
export const Errno = constants.errno;

/** Second names of numbers that are known by another one. */
const ALIASES: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'ENOTSUP']);

const names = new Map<number, string>(
  Object.entries(Errno).flatMap(([name, value]) => (ALIASES.has(name) ? [] : [[value, name]])),
);

/** `ENOENT` for 2, and so on; `errno 9999` for a number that has no name. */
export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** The error that describes the system call which has just failed on this thread. */
export function systemError(syscall: string, detail?: string): SystemError {
  const number = errno();
  return new SystemError(syscall, number, errnoName(number), detail);
}

/** Pass a system call's result through, or throw what made it negative. */
export function check(result: number, syscall: string, detail?: string): number {
  if (result < 0) throw systemError(syscall, detail);
  return result;
}
