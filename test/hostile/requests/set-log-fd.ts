import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. An eventfd for the log is optional, and of no use here. */
export const setLogFd: RequestTable = {
  request: Id.SET_LOG_FD,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', fds: ['event'] },
    { name: 'in good form, while a ring runs', before: 'running', fds: ['event'] },
    ...formRows({ fds: ['event'] }),
  ],
};
