import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { words } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setLogBase: RequestTable = {
  request: Id.SET_LOG_BASE,
  refusal: 1n,
  rows: [
    { name: 'of no bytes', source: 'empty log', before: 'negotiated', payload: words(0, 0), fds: ['page'] },
    {
      name: 'size and offset wrap',
      source: ['wrapping log', 'CVE-2020-10722'],
      before: 'negotiated',
      payload: words(16, 2n ** 64n - 8n),
      fds: ['page'],
    },
    {
      name: 'size and offset wrap, a page each way',
      source: 'CVE-2020-10722',
      before: 'negotiated',
      payload: words(2n ** 64n - 4096n, 8192),
      fds: ['page'],
    },
    { name: 'ends beyond its file', before: 'negotiated', payload: words(4096, 8), fds: ['page'] },
    { name: '2^52 bytes', before: 'negotiated', payload: words(2n ** 52n, 0), fds: ['page'] },
    { name: 'in an eventfd', before: 'negotiated', payload: words(8, 0), fds: ['event'] },
    { name: 'in a socket', before: 'negotiated', payload: words(8, 0), fds: ['socket'] },
    {
      name: 'in memory that may only be read',
      before: 'negotiated',
      payload: words(8, 0),
      fds: ['read-only'],
    },
    { name: 'in the connection', before: 'negotiated', payload: words(8, 0), fds: ['connection'] },
    { name: 'in a directory', before: 'running', payload: words(8, 0), fds: ['directory'] },
    {
      name: 'replaced again and again while a ring runs',
      before: 'running',
      payload: words(8, 0),
      fds: ['page'],
      answer: 0n,
    },
    { name: 'an odd offset', before: 'running', payload: words(8, 4001), fds: ['page'], answer: 0n },
    ...formRows({ payload: words(8, 0), fds: ['page'], ungated: 1n }),
  ],
};
