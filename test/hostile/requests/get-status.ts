import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. The status is not shared: a driver that resets its own would lose the state before it is saved. */
export const getStatus: RequestTable = {
  request: Id.GET_STATUS,
  refusal: 'empty',
  rows: [
    { name: 'in good form', before: 'negotiated' },
    { name: 'in good form, while a ring runs', before: 'running' },
    ...formRows({ ungated: 'empty' }),
  ],
};
