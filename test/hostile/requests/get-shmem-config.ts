import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. There are no shared memory regions. */
export const getShmemConfig: RequestTable = {
  request: Id.GET_SHMEM_CONFIG,
  refusal: 'empty',
  rows: [
    { name: 'in good form', before: 'negotiated' },
    { name: 'in good form, while a ring runs', before: 'running' },
    ...formRows({ ungated: 'empty' }),
  ],
};
