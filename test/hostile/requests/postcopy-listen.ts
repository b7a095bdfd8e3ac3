import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. Memory is not moved after the switchover. */
export const postcopyListen: RequestTable = {
  request: Id.POSTCOPY_LISTEN,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated' },
    { name: 'in good form, while a ring runs', before: 'running' },
    ...formRows({ ungated: 'nothing' }),
  ],
};
