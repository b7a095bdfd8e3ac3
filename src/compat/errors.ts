import { DecodeError } from '../errors.ts';

export type CompatErrorCode =
  | 'ERR_COMPAT_DOCUMENT'
  | 'ERR_COMPAT_VALUE'
  | 'ERR_COMPAT_LIST'
  | 'ERR_COMPAT_MODEL'
  | 'ERR_COMPAT_ARGUMENT'
  | 'ERR_COMPAT_DIGEST';

/** A document, list or value that cannot be used. `field` names the place, such as `models/a.com~1nic/params/q`. */
export class CompatError extends DecodeError {
  declare readonly code: CompatErrorCode;

  constructor(code: CompatErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}
