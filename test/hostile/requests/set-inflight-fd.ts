import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { inflight } from '../inflight.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setInflightFd: RequestTable = {
  request: Id.SET_INFLIGHT_FD,
  refusal: 1n,
  rows: [
    {
      name: 'nobody agreed on it',
      source: 'CVE-2021-3839',
      before: 'negotiated',
      payload: inflight(4096, 0, 2, 128),
      fds: ['page'],
    },
    ...formRows({ payload: inflight(4096, 0, 2, 128), fds: ['page'], ungated: 'nothing' }),
  ],
};
