import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setFeatures: RequestTable = {
  request: Id.SET_FEATURES,
  refusal: 1n,
  rows: [
    { name: 'every bit', source: 'unoffered features', before: 'negotiated', payload: u64(2n ** 64n - 1n) },
    { name: 'the highest bit', before: 'negotiated', payload: u64(1n << 63n) },
    { name: 'a bit of the device that it has not', before: 'running', payload: u64(1n << 50n) },
    { name: 'none of them while a ring runs', before: 'running', payload: u64(0) },
    { name: 'other ones while a ring runs', before: 'running', payload: u64(1n << 30n) },
    {
      name: 'every bit, a byte at a time',
      source: 'bytewise',
      before: 'negotiated',
      payload: u64(2n ** 64n - 1n),
      bytewise: true,
    },
    { name: 'every bit of a stranger', before: 'new', payload: u64(2n ** 64n - 1n), answer: 'nothing' },
    { name: 'none of them during a transfer', before: 'saving', payload: u64(0) },
    ...formRows({ payload: u64(0) }),
  ],
};
