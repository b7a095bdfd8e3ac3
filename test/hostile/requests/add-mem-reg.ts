import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { RAM_SIZE, regionBytes, USER } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const addMemReg: RequestTable = {
  request: Id.ADD_MEM_REG,
  refusal: 1n,
  rows: [
    {
      name: 'ends beyond its file',
      source: 'beyond end of file',
      before: 'negotiated',
      payload: regionBytes(0, RAM_SIZE + 1),
      fds: ['ram'],
    },
    {
      name: 'begins beyond its file',
      before: 'negotiated',
      payload: regionBytes(0, 4096, 0, RAM_SIZE),
      fds: ['ram'],
    },
    {
      name: 'wraps',
      source: 'wrapping region',
      before: 'negotiated',
      payload: regionBytes(2n ** 64n - 4096n, 8192),
      fds: ['ram'],
    },
    {
      name: 'its user address wraps',
      before: 'negotiated',
      payload: regionBytes(0, 8192, 2n ** 64n - 4096n),
      fds: ['ram'],
    },
    {
      name: 'its offset wraps',
      before: 'negotiated',
      payload: regionBytes(0, 8192, 0, 2n ** 64n - 4096n),
      fds: ['ram'],
    },
    { name: '2^52 bytes', before: 'negotiated', payload: regionBytes(0, 2n ** 52n), fds: ['ram'] },
    {
      name: 'of no bytes',
      source: 'empty region',
      before: 'negotiated',
      payload: regionBytes(0, 0),
      fds: ['ram'],
    },
    {
      name: 'the same region twice',
      source: 'region twice',
      before: 'mapped',
      payload: regionBytes(0, RAM_SIZE, USER),
      fds: ['ram'],
    },
    {
      name: 'the same memory twice',
      source: 'region twice',
      before: 'running',
      payload: regionBytes(0, RAM_SIZE, USER),
      fds: ['ram'],
    },
    {
      name: 'overlaps in guest addresses',
      source: 'overlapping region',
      before: 'mapped',
      payload: regionBytes(RAM_SIZE - 1, 4096, 4096),
      fds: ['ram'],
    },
    {
      name: 'overlaps in user addresses',
      source: 'overlapping region',
      before: 'mapped',
      payload: regionBytes(RAM_SIZE, 4096, USER + 1),
      fds: ['ram'],
    },
    { name: 'in an eventfd', before: 'negotiated', payload: regionBytes(0, 4096), fds: ['event'] },
    { name: 'in a socket', before: 'negotiated', payload: regionBytes(0, 4096), fds: ['socket'] },
    { name: 'in a directory', before: 'negotiated', payload: regionBytes(0, 4096), fds: ['directory'] },
    {
      name: 'in the connection',
      before: 'running',
      payload: regionBytes(RAM_SIZE, 4096),
      fds: ['connection'],
    },
    { name: 'in /dev/zero', before: 'negotiated', payload: regionBytes(0, 4096), fds: ['zeroes'] },
    {
      name: 'in memory that may only be read',
      source: 'ring in sealed memory',
      before: 'negotiated',
      payload: regionBytes(0, 4096),
      fds: ['read-only'],
    },
    {
      name: 'the end right after it',
      before: 'negotiated',
      payload: regionBytes(0, RAM_SIZE),
      fds: ['ram'],
      cut: 52,
      after: 'closed',
    },
    ...formRows({ payload: regionBytes(0, 4096), fds: ['ram'], ungated: 'nothing' }),
  ],
};
