/** Whether a device can move: proven, disproven, or neither. */
export const ANSWERS = ['yes', 'no', 'unproven'] as const;

export type Answer = (typeof ANSWERS)[number];

/** Stable names of what speaks against an answer of yes, or is worth knowing beside it. */
export const REASON_CODES = [
  /** no: the models differ. */
  'model',
  /** no: the destination has no such parameter (condition 2). */
  'unknown-parameter',
  /** no: the parameter has another type there (condition 2). */
  'type',
  /** no: the destination does not take this value (condition 3). */
  'value',
  /** no: a parameter that is not in the list cannot be switched off there (condition 4). */
  'no-off-value',
  /** no: both sides can switch it off, by different values (condition 5). */
  'off-value-differs',
  /** no: a rule of the destination is broken (condition 6). */
  'constraint',
  /** no: source and destination mean different things by one version or profile. */
  'profile-differs',
  /** no: list and destination have no version in common, and no parameters that could be compared. */
  'version',
  /** no: the device's own check (`--check`) refused the arguments. */
  'refused',
  /** unproven: the destination does not say which values it takes. */
  'any-value',
  /** unproven: a rule of the destination goes beyond what is evaluated. */
  'constraint-beyond',
] as const;

export type ReasonCode = (typeof REASON_CODES)[number];

/** Another value that one parameter of the source would need. */
export interface Change {
  readonly parameter: string;
  /** As text (`formatValue`). */
  readonly value: string;
  /** Whether the running source can be switched to it (`x-live`); else a source has to be started with it. */
  readonly live: boolean;
}

/** One reason for an answer. Plain data, safe for JSON. */
export interface Reason<C extends string = ReasonCode> {
  readonly code: C;
  /** The answer that this reason leads to by itself. */
  readonly answer: Answer;
  /** The parameter, or what else of the device it is about; absent where it is the whole. */
  readonly parameter?: string;
  /** What the source has, as text. */
  readonly have?: string;
  /** What would be accepted, as text. */
  readonly want?: string;
  /** Where it was found: a document, a program, a host. */
  readonly where?: string;
  /** One sentence for people, without a full stop. */
  readonly message: string;
  /** What to do about it, where something can be said: such as the nearest value that would fit. */
  readonly remedy?: string;
  /** The remedy as data, where it is other values of parameters: all of these together. */
  readonly changes?: readonly Change[];
}

/** The answer that all of `reasons` lead to together: no before unproven before yes. */
export function answerOf(reasons: readonly Pick<Reason<string>, 'answer'>[]): Answer {
  if (reasons.some(({ answer }) => answer === 'no')) return 'no';
  return reasons.some(({ answer }) => answer === 'unproven') ? 'unproven' : 'yes';
}
