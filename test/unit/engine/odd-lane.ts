/** Module of lanes that do what lanes should not: fail, hang in JavaScript or in a system call, die holding a lock. */
import { writeSync } from 'node:fs';
import { SlotError } from '../../../src/engine/slots/errors.ts';
import { Lock } from '../../../src/engine/slots/lock.ts';
import { Fd, readInto } from '../../../src/sys/index.ts';

export interface OddStart {
  /** Where to tell that the lane is disposed of. */
  readonly tell?: number;
}

export type OddTask =
  | { readonly do: 'echo'; readonly value: unknown }
  | { readonly do: 'fail' | 'wait' | 'spin' }
  | { readonly do: 'hold'; readonly ledger: SharedArrayBuffer }
  | { readonly do: 'read'; readonly fd: number };

export async function createLane(start: unknown): Promise<(task: unknown) => unknown> {
  const { tell } = start as OddStart;
  await Promise.resolve();
  return Object.assign((task: unknown) => perform(task as OddTask), {
    [Symbol.dispose]() {
      if (tell !== undefined) writeSync(tell, 'disposed');
    },
  });
}

export function notMade(): never {
  throw new SlotError('ERR_SLOT_LIMITS', 'There is no such device');
}

export const notAFunction = 5;

function perform(task: OddTask): unknown {
  switch (task.do) {
    case 'echo':
      return task.value;
    case 'fail':
      throw new SlotError('ERR_SLOT_WAIT', 'Nothing came', { retry: true });
    case 'wait':
      return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    case 'spin':
      for (;;);
    case 'hold':
      new Lock(new Int32Array(task.ledger), 0).acquire();
      for (;;);
    case 'read': {
      const pipe = new Fd(task.fd, 'a pipe that nobody writes to');
      try {
        return readInto(pipe, new Uint8Array(1));
      } finally {
        pipe.release();
      }
    }
  }
}
