import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getQueueNum: RequestTable = {
  request: Id.GET_QUEUE_NUM,
  refusal: 'empty',
  rows: [...formRows({ ungated: 'empty' })],
};
