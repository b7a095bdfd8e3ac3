import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. Memory is not moved after the switchover. */
export const postcopyEnd: RequestTable = {
  request: Id.POSTCOPY_END,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated' },
    { name: 'in good form, while a ring runs', before: 'running' },
    ...formRows({ ungated: 1n }),
  ],
};
