import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { addressBytes, ints, joined, RAM_SIZE, USER, words } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringAddr: RequestTable = {
  request: Id.SET_VRING_ADDR,
  refusal: 1n,
  rows: [
    {
      name: 'no memory there',
      source: 'unmapped ADDR',
      before: 'mapped',
      payload: addressBytes(0, 0x1000, 8),
    },
    { name: 'no memory at all', before: 'negotiated', payload: addressBytes(0, USER, 8) },
    {
      name: 'runs out of its region',
      source: 'ring crosses regions',
      before: 'mapped',
      first: [{ id: Id.SET_VRING_NUM, payload: ints(0, 256), answers: 0n }],
      payload: addressBytes(0, USER + RAM_SIZE - 4096, 256),
    },
    {
      name: 'addresses that wrap',
      before: 'mapped',
      payload: joined(ints(0, 0), words(2n ** 64n - 16n, 2n ** 64n - 16n, 2n ** 64n - 16n, 0)),
    },
    {
      name: 'addresses beyond 2^53',
      before: 'mapped',
      payload: joined(ints(0, 0), words(2n ** 63n, 2n ** 63n, 2n ** 63n, 0)),
    },
    {
      name: 'guest addresses where user addresses are agreed on',
      before: 'mapped',
      payload: addressBytes(0, 0x2000, 8),
    },
    {
      name: 'a running ring is moved out of memory',
      before: 'running',
      payload: addressBytes(1, USER + RAM_SIZE, 8),
    },
    { name: 'ring 99', before: 'mapped', payload: addressBytes(99, USER, 8) },
    { name: 'ring 256', source: 'CVE-2020-10723', before: 'mapped', payload: addressBytes(256, USER, 8) },
    {
      name: 'ring 0x10000',
      source: 'CVE-2020-10723',
      before: 'mapped',
      payload: addressBytes(0x10000, USER, 8),
    },
    ...formRows({ payload: addressBytes(0, USER, 8) }),
  ],
};
