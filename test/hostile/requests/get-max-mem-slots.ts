import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getMaxMemSlots: RequestTable = {
  request: Id.GET_MAX_MEM_SLOTS,
  refusal: 'empty',
  rows: [...formRows({ ungated: 'empty' })],
};
