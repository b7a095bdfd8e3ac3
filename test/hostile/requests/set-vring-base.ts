import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringBase: RequestTable = {
  request: Id.SET_VRING_BASE,
  refusal: 1n,
  rows: [
    { name: 'ring 99', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(99, 8) },
    { name: 'ring 0x10000', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0x10000, 8) },
    { name: 'ring 256', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(256, 8) },
    { name: 'ring 2^32 - 1', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0xffffffff, 8) },
    { name: 'an index of 17 bits', before: 'negotiated', payload: ints(0, 0x10000) },
    { name: 'an index of 32 bits', before: 'negotiated', payload: ints(0, 0xffffffff) },
    { name: 'while it runs', before: 'running', payload: ints(1, 3) },
    ...formRows({ payload: ints(0, 0) }),
  ],
};
