import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For net devices. */
export const netSetMtu: RequestTable = {
  request: Id.NET_SET_MTU,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: u64(1500) },
    { name: 'in good form, while a ring runs', before: 'running', payload: u64(1500) },
    ...formRows({ payload: u64(1500), ungated: 'nothing' }),
  ],
};
