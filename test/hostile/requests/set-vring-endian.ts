import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For legacy drivers of the other byte order. */
export const setVringEndian: RequestTable = {
  request: Id.SET_VRING_ENDIAN,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: ints(0, 1) },
    { name: 'in good form, while a ring runs', before: 'running', payload: ints(0, 1) },
    ...formRows({ payload: ints(0, 1), ungated: 'nothing' }),
  ],
};
