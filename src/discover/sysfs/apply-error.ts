import { FerryError } from '../../errors.ts';

/** One attribute below `migration`, and the text for it. */
export interface AttributeWrite {
  readonly attribute: string;
  readonly value: string;
}

export type ApplyErrorCode =
  /** The type made no device. */
  | 'ERR_APPLY_CREATE'
  /** An attribute refused its value. */
  | 'ERR_APPLY_ATTRIBUTE'
  /** An attribute took a value and says another one. */
  | 'ERR_APPLY_MISMATCH'
  | 'ERR_APPLY_CANCELLED';

/** Applying a list was begun and did not come to its end. */
export class ApplyError extends FerryError {
  declare readonly code: ApplyErrorCode;
  /** The attribute at fault; undefined where it is the device. */
  readonly attribute: string | undefined;
  /** Why, such as `EBUSY`, where a system call failed. */
  readonly errnoName: string | undefined;
  /** What had been written by then. */
  readonly written: readonly AttributeWrite[];
  /** What the attributes say now; of a device that was removed again, nothing. */
  readonly state: ReadonlyMap<string, string>;
  /** Whether a device that had been made was removed again; undefined where none had been made. */
  readonly removed: boolean | undefined;

  constructor(
    code: ApplyErrorCode,
    message: string,
    facts: Pick<ApplyError, 'attribute' | 'errnoName' | 'written' | 'state' | 'removed'>,
    cause?: unknown,
  ) {
    super(code, message, { cause });
    this.attribute = facts.attribute;
    this.errnoName = facts.errnoName;
    this.written = facts.written;
    this.state = facts.state;
    this.removed = facts.removed;
  }
}

/** Attributes in one line for people. */
export function pairs(writes: readonly AttributeWrite[]): string {
  return writes.map(({ attribute, value }) => `${attribute}=${value}`).join(' ');
}
