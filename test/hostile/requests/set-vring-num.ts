import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringNum: RequestTable = {
  request: Id.SET_VRING_NUM,
  refusal: 1n,
  rows: [
    { name: 'ring 99', source: 'NUM of ring 99', before: 'negotiated', payload: ints(99, 8) },
    { name: 'ring 0x10000', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0x10000, 8) },
    { name: 'ring 256', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(256, 8) },
    { name: 'ring 2^32 - 1', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0xffffffff, 8) },
    { name: 'no entries', source: 'NUM 0', before: 'negotiated', payload: ints(0, 0) },
    { name: '65536 entries', source: 'NUM 65536', before: 'negotiated', payload: ints(0, 65536) },
    { name: '17 entries', source: 'NUM 17', before: 'negotiated', payload: ints(0, 17) },
    { name: '2^31 entries', before: 'negotiated', payload: ints(0, 2 ** 31) },
    { name: 'while it runs', before: 'running', payload: ints(1, 16) },
    {
      name: 'again and again, with descriptors',
      source: 'CVE-2019-14818',
      before: 'mapped',
      payload: ints(0, 8),
      fds: ['ram', 'event', 'socket'],
    },
    ...formRows({ payload: ints(0, 8) }),
  ],
};
