import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { inflight } from '../inflight.ts';
import { formRows, type RequestTable } from '../table.ts';

/** To a device that does not offer it. */
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

/** Bytes that two split queues of 128 entries take. */
const NEEDED = 2 * 2112;

/** To a device of two queues of 128 entries that offers it. */
export const setInflightFdOffered: RequestTable = {
  request: Id.SET_INFLIGHT_FD,
  refusal: 1n,
  rows: [
    {
      name: 'again and again',
      before: 'mapped',
      payload: inflight(NEEDED, 0, 2, 128),
      fds: ['ram'],
      answer: 0n,
    },
    {
      name: 'at an odd offset',
      before: 'mapped',
      payload: inflight(NEEDED, 4097, 2, 128),
      fds: ['ram'],
      answer: 0n,
    },
    {
      name: 'three queues',
      source: 'CVE-2021-3839',
      before: 'mapped',
      payload: inflight(9000, 0, 3, 128),
      fds: ['ram'],
    },
    {
      name: '65535 queues',
      source: 'CVE-2021-3839',
      before: 'mapped',
      payload: inflight(2n ** 40n, 0, 0xffff, 128),
      fds: ['ram'],
    },
    { name: 'no queues', before: 'mapped', payload: inflight(NEEDED, 0, 0, 128), fds: ['ram'] },
    { name: 'queues of no entries', before: 'mapped', payload: inflight(NEEDED, 0, 2, 0), fds: ['ram'] },
    {
      name: 'queues of 65535 entries',
      before: 'mapped',
      payload: inflight(2n ** 40n, 0, 2, 0xffff),
      fds: ['ram'],
    },
    { name: 'no bytes', before: 'mapped', payload: inflight(0, 0, 2, 128), fds: ['ram'] },
    { name: 'a byte too few', before: 'mapped', payload: inflight(NEEDED - 1, 0, 2, 128), fds: ['ram'] },
    { name: 'beyond its file', before: 'mapped', payload: inflight(NEEDED, 0, 2, 128), fds: ['page'] },
    {
      name: 'an offset beyond its file',
      before: 'mapped',
      payload: inflight(NEEDED, 2n ** 40n, 2, 128),
      fds: ['ram'],
    },
    {
      name: 'size and offset wrap',
      before: 'mapped',
      payload: inflight(NEEDED, 2n ** 64n - 4096n, 2, 128),
      fds: ['ram'],
    },
    { name: '2^64 - 1 bytes', before: 'mapped', payload: inflight(2n ** 64n - 1n, 0, 2, 128), fds: ['ram'] },
    { name: 'in an eventfd', before: 'mapped', payload: inflight(NEEDED, 0, 2, 128), fds: ['event'] },
    { name: 'in a socket', before: 'mapped', payload: inflight(NEEDED, 0, 2, 128), fds: ['socket'] },
    { name: 'in a directory', before: 'mapped', payload: inflight(NEEDED, 0, 2, 128), fds: ['directory'] },
    {
      name: 'in memory that may only be read',
      before: 'mapped',
      payload: inflight(NEEDED, 0, 2, 128),
      fds: ['read-only'],
    },
    { name: 'while a ring runs', before: 'running', payload: inflight(NEEDED, 0, 2, 128), fds: ['ram'] },
    {
      name: 'with more descriptors',
      source: 'CVE-2022-0669',
      before: 'mapped',
      payload: inflight(NEEDED, 0, 2, 128),
      fds: ['ram', 'ram', 'ram'],
    },
    ...formRows({ payload: inflight(NEEDED, 0, 2, 128), fds: ['ram'], ungated: 'nothing' }),
  ],
};
