import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setVringEnable: RequestTable = {
  request: Id.SET_VRING_ENABLE,
  refusal: 1n,
  rows: [
    { name: 'ring 99', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(99, 8) },
    { name: 'ring 0x10000', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0x10000, 8) },
    { name: 'ring 256', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(256, 8) },
    { name: 'ring 2^32 - 1', source: 'CVE-2020-10723', before: 'negotiated', payload: ints(0xffffffff, 8) },
    { name: 'enabled with 2', source: 'ENABLE 2', before: 'negotiated', payload: ints(0, 2) },
    { name: 'a running ring enabled with 2^32 - 1', before: 'running', payload: ints(1, 0xffffffff) },
    ...formRows({ payload: ints(0, 1) }),
  ],
};
