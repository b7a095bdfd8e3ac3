import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { inflight } from '../inflight.ts';
import { formRows, type RequestTable } from '../table.ts';

/** To a device that does not offer it. */
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

/** To a device of two queues of 128 entries that offers it. */
export const getInflightFdOffered: RequestTable = {
  request: Id.GET_INFLIGHT_FD,
  refusal: 'empty',
  rows: [
    {
      name: 'again and again',
      source: 'CVE-2020-10726',
      before: 'mapped',
      payload: inflight(0, 0, 2, 128),
      answer: inflight(2 * 2112, 0, 2, 128),
    },
    { name: 'no queues', before: 'mapped', payload: inflight(0, 0, 0, 128) },
    { name: 'three queues', source: 'CVE-2021-3839', before: 'mapped', payload: inflight(0, 0, 3, 128) },
    { name: '65535 queues', source: 'CVE-2021-3839', before: 'mapped', payload: inflight(0, 0, 0xffff, 128) },
    { name: 'queues of no entries', before: 'mapped', payload: inflight(0, 0, 2, 0) },
    { name: 'queues of 65535 entries', before: 'mapped', payload: inflight(0, 0, 2, 0xffff) },
    { name: 'while a ring runs', before: 'running', payload: inflight(0, 0, 2, 128) },
    {
      name: 'with descriptors',
      source: 'CVE-2022-0669',
      before: 'mapped',
      payload: inflight(0, 0, 2, 128),
      fds: ['ram', 'event', 'page', 'socket', 'file', 'event', 'event', 'event'],
    },
    ...formRows({ payload: inflight(0, 0, 2, 128), ungated: 'empty' }),
  ],
};
