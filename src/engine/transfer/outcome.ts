import type { FerryError } from '../../errors.ts';
import type { DeviceName } from './machine.ts';

export const OUTCOMES = ['completed', 'cancelled', 'failed', 'unknown'] as const;

/**
 * How a transfer ended. `completed`: the machine was handed over. `cancelled` and `failed`: it was not, and the destination
 * will never start it. `unknown`: the source said `commit` and heard no answer; it does not start the machine by itself.
 */
export type OutcomeName = (typeof OUTCOMES)[number];

/** Where the machine runs, or stands where the operator decides. `nowhere`: it could not be made to run again. */
export type MachineAt = 'source' | 'destination' | 'folder' | 'nowhere' | 'unknown';

/** How the state of one device went. Times in milliseconds. */
export interface DeviceOutcome extends DeviceName {
  readonly bytes: number;
  /** From the start of its save or load to its end; absent where it did not end. */
  readonly ms?: number;
  /** At the source: what the destination said about loading it. */
  readonly loadMs?: number;
}

/** The end of a transfer, for people and programs. Nothing of it is held any more, but for what is `quarantined`. */
export interface Outcome {
  readonly outcome: OutcomeName;
  readonly machineAt: MachineAt;
  /** Why, where it did not complete. `code` is the stable one of the error. */
  readonly code?: string;
  readonly why?: string;
  readonly error?: FerryError;
  /** Which end the reason comes from. */
  readonly from?: 'here' | 'peer';
  /** Passes over memory that were made. */
  readonly passes: number;
  /** Bytes on the wire of all channels, with headers. */
  readonly bytes: number;
  /** From `stop` to the destination's word that it runs; at the source alone, and only where it ran. */
  readonly downtimeMs?: number;
  readonly totalMs: number;
  readonly phases: readonly { readonly phase: string; readonly ms: number }[];
  readonly devices: readonly DeviceOutcome[];
  /** What this end may use at most, in bytes, beside the machine's own memory. */
  readonly budgetBytes: number;
  /** What did not return when it was told to: the memory that it was lent is kept until it does, if ever. */
  readonly quarantined: readonly string[];
}
