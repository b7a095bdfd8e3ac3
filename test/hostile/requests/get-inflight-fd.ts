import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { inflight } from '../inflight.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getInflightFd: RequestTable = {
  request: Id.GET_INFLIGHT_FD,
  refusal: 'empty',
  rows: [
    {
      name: 'nobody agreed on it',
      source: 'CVE-2020-10726',
      before: 'negotiated',
      payload: inflight(0, 0, 2, 128),
    },
    ...formRows({ payload: inflight(0, 0, 2, 128), ungated: 'empty' }),
  ],
};
