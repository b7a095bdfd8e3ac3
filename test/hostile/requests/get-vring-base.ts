import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getVringBase: RequestTable = {
  request: Id.GET_VRING_BASE,
  refusal: 'empty',
  rows: [
    { name: 'ring 99', source: 'BASE of ring 99', before: 'negotiated', payload: ints(99, 8) },
    { name: 'ring 0x10000', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0x10000, 8) },
    { name: 'ring 256', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(256, 8) },
    { name: 'ring 2^32 - 1', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0xffffffff, 8) },
    { name: 'of a ring that never ran', before: 'negotiated', payload: ints(0, 0), answer: ints(0, 0) },
    {
      name: 'of another ring than the running one',
      before: 'running',
      payload: ints(0, 0),
      answer: ints(0, 0),
    },
    {
      name: 'with a number that means nothing',
      before: 'running',
      payload: ints(0, 0xffffffff),
      answer: ints(0, 0),
    },
    {
      name: 'and the ring is stopped',
      before: 'running',
      payload: ints(1, 0),
      answer: ints(1, 0),
      after: 'mapped',
    },
    ...formRows({ payload: ints(0, 0) }),
  ],
};
