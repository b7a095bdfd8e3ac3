/** Module of the lane of a device that reads its state, and may not return from a call with what it was given. */
import { SlotSource, type SlotSourceStart } from '../../../src/engine/slots/index.ts';
import { Fd, readInto } from '../../../src/sys/index.ts';

export interface StuckTask {
  readonly source: SlotSourceStart;
  /** A pipe that says nothing: the call on it does not return. */
  readonly readFrom: number | undefined;
}

export function createLane(): (task: unknown) => void {
  return (task) => {
    const { source: start, readFrom } = task as StuckTask;
    const source = new SlotSource(start);
    const take = (bytes: Uint8Array, offset: number, length: number): number => {
      if (readFrom !== undefined)
        readInto(new Fd(readFrom, 'silence'), bytes.subarray(offset, offset + length));
      return length;
    };
    while (source.drain(take) > 0);
  };
}
