import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. No objects are shared. */
export const getSharedObject: RequestTable = {
  request: Id.GET_SHARED_OBJECT,
  refusal: 'empty',
  rows: [
    { name: 'in good form', before: 'negotiated', payload: new Uint8Array(16) },
    { name: 'in good form, while a ring runs', before: 'running', payload: new Uint8Array(16) },
    ...formRows({ payload: new Uint8Array(16), ungated: 'empty' }),
  ],
};
