import type { Cause } from './course.ts';
import type { MachineAt, Outcome, OutcomeName } from './outcome.ts';

/** How a transfer ended, as its last step knows it. */
export interface Ending {
  readonly outcome: OutcomeName;
  readonly machineAt: MachineAt;
  readonly cause?: Cause;
  /** What else has to be said, such as what could not be undone. */
  readonly more?: string;
}

/** An ending in words: the part of an outcome that says how and why. */
export function describeEnding({
  outcome,
  machineAt,
  cause,
  more,
}: Ending): Pick<Outcome, 'outcome' | 'machineAt' | 'code' | 'why' | 'error' | 'from'> {
  if (cause === undefined) return { outcome, machineAt, ...(more === undefined ? {} : { why: more }) };
  const { error, from } = cause;
  const why = more === undefined ? error.message : `${error.message}; ${more}`;
  return { outcome, machineAt, code: error.code, why, error, from };
}
