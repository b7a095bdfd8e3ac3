import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served: a driver that resets its status would lose the state before it is saved. */
export const setStatus: RequestTable = {
  request: Id.SET_STATUS,
  refusal: 1n,
  rows: [
    { name: '0 while a ring runs', before: 'running', payload: u64(0) },
    { name: '0 during a save', source: 'SET_STATUS in a transfer', before: 'saving', payload: u64(0) },
    { name: '0 during a load', source: 'SET_STATUS in a transfer', before: 'loading', payload: u64(0) },
    { name: 'every bit', before: 'negotiated', payload: u64(2n ** 64n - 1n) },
    ...formRows({ payload: u64(0), ungated: 'nothing' }),
  ],
};
