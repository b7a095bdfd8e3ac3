import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringErr: RequestTable = {
  request: Id.SET_VRING_ERR,
  refusal: 1n,
  rows: [
    {
      name: 'three descriptors',
      source: 'CVE-2019-14818',
      before: 'mapped',
      payload: u64(1),
      fds: ['event', 'event', 'event'],
    },
    { name: 'none, and it does not say so', before: 'mapped', payload: u64(1) },
    { name: 'one, and it says there is none', before: 'mapped', payload: u64(0x101), fds: ['event'] },
    { name: 'ring 200', before: 'mapped', payload: u64(200), fds: ['event'] },
    {
      name: 'ring 0x200, cut to 8 bits',
      source: 'CVE-2020-10723',
      before: 'mapped',
      payload: u64(0x200),
      fds: ['event'],
    },
    {
      name: 'ring 2^40',
      source: 'CVE-2020-10723',
      before: 'mapped',
      payload: u64(2n ** 40n),
      fds: ['event'],
    },
    { name: 'a regular file', source: 'KICK is a file', before: 'running', payload: u64(1), fds: ['file'] },
    {
      name: 'an epoll descriptor',
      source: 'KICK is an epoll',
      before: 'running',
      payload: u64(1),
      fds: ['epoll'],
    },
    { name: 'guest memory', before: 'running', payload: u64(1), fds: ['ram'] },
    { name: 'a pipe', before: 'running', payload: u64(1), fds: ['writing end'] },
    { name: 'the connection itself', before: 'running', payload: u64(1), fds: ['connection'] },
    { name: 'a directory', before: 'mapped', payload: u64(1), fds: ['directory'] },
    { name: 'replaced again and again', before: 'running', payload: u64(1), fds: ['event'], answer: 0n },
    ...formRows({ payload: u64(1), fds: ['event'], mostFds: 1 }).filter(
      ({ name }) => name !== 'without its descriptor',
    ),
  ],
};
