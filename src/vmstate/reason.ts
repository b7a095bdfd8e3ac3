import type { Answer, Reason } from '../compat/index.ts';

/** Stable names of what was found. Those that say `yes` are notes: the state loads all the same. */
export const VMSTATE_CODES = [
  /** yes: the dumps were made for different machine types. */
  'machine',
  /** no: the destination has no such device type. */
  'device',
  /** unproven: the destination has no such device type, and one of another name with the same state. */
  'device-renamed',
  /** no: the name that the device's state has in the stream differs. */
  'name',
  /** no: the version in the stream is newer or older than what the destination loads. */
  'version',
  /** yes: a structure inside has a version that the other one would not take, which is not in the stream. */
  'structure-version',
  /** yes: a structure inside has another name, which is not in the stream. */
  'structure-name',
  /** no: one side describes no state, and cannot be migrated. */
  'unmigratable',
  /** no: the source sends a field that the destination does not read; unproven when only some states have it. */
  'field-missing',
  /** no: the destination reads a field that the source does not send; unproven when only some states have it. */
  'field-added',
  /** no: other fields are at one place of both. */
  'field-differs',
  /** yes: a field has another name, and the same bytes. */
  'field-renamed',
  /** yes: the destination reads over a field of the source. */
  'field-ignored',
  /** unproven: the destination reads a field where the source sends zeroes. */
  'field-zero',
  /** yes: at one side a condition decides whether the field is there. */
  'field-condition',
  /** no: a field has another length; unproven where that may be its layout in memory alone. */
  'size',
  /** no: a structure at one side, something else at the other; yes when their bytes are the same. */
  'structure',
  /** unproven: the destination does not know a subsection. */
  'subsection',
  /** unproven: the source has two subsections of one name, which no destination can tell apart. */
  'subsection-twice',
] as const;

export type VmstateCode = (typeof VMSTATE_CODES)[number];

/** One difference between two dumps. `parameter` is the whole path, such as `usb-kbd/hid/kbd.keycodes`. */
export interface VmstateReason extends Reason<VmstateCode> {
  /** The QOM type, as the source names it; absent where no device is meant. */
  readonly device?: string;
  /** The name of the description that it was found in, as the source has it. */
  readonly description?: string;
  /** The field or subsection. */
  readonly field?: string;
}

/** Where in the descriptions a comparison stands. */
export interface Place {
  readonly device: string;
  readonly description: string;
  readonly path: string;
  /** Inside a subsection, which is sent only when it is needed. */
  readonly optional: boolean;
}

/** What is said about one difference. */
export interface Difference {
  readonly code: VmstateCode;
  readonly answer: Answer;
  readonly field?: string;
  readonly have?: string;
  readonly want?: string;
  readonly message: string;
  readonly remedy?: string;
}

/** Gathers differences. Inside a subsection nothing is worse than unproven: it matters only when it is sent. */
export class Findings {
  readonly reasons: VmstateReason[] = [];
  readonly #where: string | undefined;

  constructor(where: string | undefined) {
    this.#where = where;
  }

  add(place: Place, { field, ...rest }: Difference): void {
    const softened = place.optional && rest.answer === 'no';
    this.reasons.push({
      ...rest,
      ...(softened && { answer: 'unproven' as const }),
      ...(softened && rest.remedy === undefined && { remedy: WHEN_NEEDED }),
      parameter: field === undefined ? place.path : `${place.path}/${field}`,
      device: place.device,
      description: place.description,
      ...(field !== undefined && { field }),
      ...(this.#where !== undefined && { where: this.#where }),
    });
  }
}

/** What to do about state that is sent in some cases. */
export const WHEN_NEEDED =
  'It is sent only when the device needs it: an older machine type, or the property that the feature came with, ' +
  'may keep it away; rehearse the move to be sure';
