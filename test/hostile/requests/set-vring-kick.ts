import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { addressBytes, ints, USER, u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringKick: RequestTable = {
  request: Id.SET_VRING_KICK,
  refusal: 1n,
  rows: [
    {
      name: 'three descriptors',
      source: 'KICK with 3 descriptors',
      before: 'mapped',
      payload: u64(1),
      fds: ['event', 'event', 'event'],
    },
    { name: 'none, and it does not say so', source: 'KICK without one', before: 'mapped', payload: u64(1) },
    { name: 'one, and it says there is none', before: 'mapped', payload: u64(0x101), fds: ['event'] },
    { name: 'ring 200', source: 'KICK of ring 200', before: 'mapped', payload: u64(200), fds: ['event'] },
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
    { name: 'a ring without a size or a place', before: 'mapped', payload: u64(0), fds: ['event'] },
    {
      name: 'a ring without a place',
      before: 'mapped',
      first: [{ id: Id.SET_VRING_NUM, payload: ints(0, 8), answers: 0n }],
      payload: u64(0),
      fds: ['event'],
    },
    {
      name: 'a ring at an odd address',
      source: 'ring unaligned',
      before: 'mapped',
      first: [
        { id: Id.SET_VRING_NUM, payload: ints(0, 8), answers: 0n },
        { id: Id.SET_VRING_ADDR, payload: addressBytes(0, USER + 0x1001, 8), answers: 0n },
      ],
      payload: u64(0),
      fds: ['event'],
    },
    {
      name: 'a ring whose memory has gone',
      before: 'negotiated',
      first: [{ id: Id.SET_VRING_NUM, payload: ints(0, 8), answers: 0n }],
      payload: u64(0),
      fds: ['event'],
    },
    { name: 'during a transfer', before: 'saving', payload: u64(0), fds: ['event'] },
    ...formRows({ payload: u64(1), fds: ['event'], mostFds: 1 }).filter(
      ({ name }) => name !== 'without its descriptor',
    ),
  ],
};
