import { type DestinationMachine, ExplicitMarks, type SourceMachine } from '../../engine/transfer/index.ts';
import { FerryError } from '../../errors.ts';
import type { SyntheticMachine } from './machine.ts';

/** What the disks of a machine are called in packets; the instance is the disk's number. */
const DISK = 'disk';

/** A machine whose guest works, as it is sent. */
export function sourceOf(machine: SyntheticMachine): SourceMachine {
  let released = false;
  return {
    uuid: machine.plan.uuid,
    blocks: machine.ram.blocks,
    dirty: new ExplicitMarks(machine.ram.marks),
    devices: machine.plan.disks.map((_, instance) => ({
      idstr: DISK,
      instance,
      save: (sink) => machine.save(instance, sink),
    })),
    stop: () => machine.pause(),
    resume: async () => {
      if (released)
        throw new FerryError(
          'ERR_MACHINE_RELEASED',
          'The machine runs elsewhere and must not run here again',
        );
      await machine.wake();
      machine.work();
    },
    release: async () => {
      released = true;
    },
  };
}

/**
 * A machine that was just made, to be received into. When it starts its guest is awake, and what it does first is left to the
 * owner: `look`, digests, `work`.
 */
export function destinationOf(machine: SyntheticMachine): DestinationMachine {
  return {
    uuid: machine.plan.uuid,
    blocks: machine.ram.blocks,
    fresh: true,
    devices: machine.plan.disks.map((_, instance) => ({
      idstr: DISK,
      instance,
      load: (source) => machine.load(instance, source),
    })),
    start: () => machine.wake(),
    discard: () => machine.discard(),
  };
}
