import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For gpu devices. */
export const gpuSetSocket: RequestTable = {
  request: Id.GPU_SET_SOCKET,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', fds: ['socket'] },
    { name: 'in good form, while a ring runs', before: 'running', fds: ['socket'] },
    ...formRows({ fds: ['socket'] }),
  ],
};
