import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. Kicks come by eventfd. */
export const vringKick: RequestTable = {
  request: Id.VRING_KICK,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: ints(0, 0) },
    { name: 'in good form, while a ring runs', before: 'running', payload: ints(0, 0) },
    ...formRows({ payload: ints(0, 0), ungated: 'nothing' }),
  ],
};
