import { DecodeError } from '../errors.ts';

/**
 * What can be wrong with a dump:
 *
 * - `ERR_VMSTATE_JSON`: it is not JSON
 * - `ERR_VMSTATE_LIMIT`: it is larger, deeper or longer than what is taken
 * - `ERR_VMSTATE_SHAPE`: a member is missing, or is not what QEMU writes there
 * - `ERR_VMSTATE_DUPLICATE`: a member is there twice
 */
export type VmstateErrorCode =
  | 'ERR_VMSTATE_JSON'
  | 'ERR_VMSTATE_LIMIT'
  | 'ERR_VMSTATE_SHAPE'
  | 'ERR_VMSTATE_DUPLICATE';

/** A dump that cannot be used. `field` is the place as a JSON pointer, such as `/nvme/Description/Fields/3/size`. */
export class VmstateError extends DecodeError {
  declare readonly code: VmstateErrorCode;

  constructor(code: VmstateErrorCode, field: string, message: string, offset?: number) {
    super(code, field, message, offset);
  }
}
