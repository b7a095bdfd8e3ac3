import { check } from './errno.ts';
import * as libc from './libc.ts';

/** Keep the calling thread on one CPU, so that two threads under measurement do not share it. */
export function pinThread(cpu: number): void {
  const mask = new Uint8Array(128);
  mask[cpu >> 3] = 1 << (cpu & 7);
  check(libc.schedSetaffinity(0, mask.length, mask), 'sched_setaffinity', `CPU ${cpu}`);
}
