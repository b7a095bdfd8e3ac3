import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getProtocolFeatures: RequestTable = {
  request: Id.GET_PROTOCOL_FEATURES,
  refusal: 'empty',
  rows: [...formRows({})],
};
