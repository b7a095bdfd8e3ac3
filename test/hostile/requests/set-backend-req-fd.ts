import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** What is passed is not looked at before there is something to say: whatever it is, it harms nobody. */
export const setBackendReqFd: RequestTable = {
  request: Id.SET_BACKEND_REQ_FD,
  refusal: 1n,
  rows: [
    { name: 'replaced again and again', before: 'running', fds: ['socket'], answer: 0n },
    { name: 'an eventfd', before: 'running', fds: ['event'], answer: 0n },
    { name: 'a file', before: 'running', fds: ['file'], answer: 0n },
    { name: 'a directory', before: 'running', fds: ['directory'], answer: 0n },
    ...formRows({ fds: ['socket'], ungated: 'nothing' }),
  ],
};
