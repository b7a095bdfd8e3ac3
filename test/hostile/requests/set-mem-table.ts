import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints, joined, RAM_SIZE, words } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** A table that says it has `count` regions: guest address, size, user address, file offset of each. */
const table = (count: number, ...regions: (readonly [number, number, number, number])[]): Uint8Array =>
  joined(ints(count, 0), ...regions.map((region) => words(...region)));

export const setMemTable: RequestTable = {
  request: Id.SET_MEM_TABLE,
  refusal: 1n,
  rows: [
    {
      name: 'nine regions',
      source: 'table of 9',
      before: 'mapped',
      payload: table(9, ...Array(8).fill([0, 0x1000, 0, 0])),
      fds: Array(8).fill('ram'),
    },
    { name: '2^32 - 1 regions', before: 'mapped', payload: ints(0xffffffff, 0) },
    {
      name: 'more regions announced than there are',
      before: 'mapped',
      payload: ints(8, 0),
      fds: Array(8).fill('ram'),
    },
    {
      name: 'fewer regions announced than there are',
      before: 'mapped',
      payload: table(1, [0, 0x1000, 0, 0], [0x1000, 0x1000, 0x1000, 0]),
      fds: ['ram'],
    },
    {
      name: 'a region without a descriptor',
      source: 'table without descriptor',
      before: 'mapped',
      payload: table(1, [0, 0x1000, 0, 0]),
    },
    {
      name: 'two regions and one descriptor',
      before: 'mapped',
      payload: table(2, [0, 0x1000, 0, 0], [0x1000, 0x1000, 0x1000, 0]),
      fds: ['ram'],
    },
    { name: 'no region and a descriptor', before: 'mapped', payload: ints(0, 0), fds: ['ram'] },
    {
      name: 'regions that overlap',
      source: 'overlapping region',
      before: 'mapped',
      payload: table(2, [0, 0x2000, 0, 0], [0x1000, 0x1000, 0x8000, 0]),
      fds: ['ram', 'ram'],
    },
    {
      name: 'the second one beyond its file',
      source: 'beyond end of file',
      before: 'mapped',
      payload: table(2, [0, 0x2000, 0, 0], [RAM_SIZE, 1, RAM_SIZE, RAM_SIZE]),
      fds: ['ram', 'ram'],
    },
    {
      name: 'the second one of no bytes',
      before: 'mapped',
      payload: table(2, [0, 0x2000, 0, 0], [0x2000, 0, 0x2000, 0]),
      fds: ['ram', 'ram'],
    },
    {
      name: 'the second one in an eventfd',
      before: 'mapped',
      payload: table(2, [0, 0x2000, 0, 0], [0x2000, 0x1000, 0x2000, 0]),
      fds: ['ram', 'event'],
    },
    { name: 'memory is taken from under a ring', before: 'running', payload: ints(0, 0) },
    {
      name: 'memory is moved away from under a ring',
      before: 'running',
      payload: table(1, [0, 0x1000, 0, 0]),
      fds: ['ram'],
    },
    {
      name: 'the end within the payload',
      before: 'mapped',
      payload: table(8, ...Array(8).fill([0, 0x1000, 0, 0])),
      fds: Array(8).fill('ram'),
      cut: 100,
      after: 'closed',
    },
    ...formRows({ payload: ints(0, 0), sizes: [8, 264], mostFds: 8 }),
  ],
};
