import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setProtocolFeatures: RequestTable = {
  request: Id.SET_PROTOCOL_FEATURES,
  refusal: 1n,
  rows: [
    { name: 'every bit', before: 'negotiated', payload: u64(2n ** 64n - 1n) },
    { name: 'in-band notifications', before: 'running', payload: u64(1n << 14n) },
    { name: 'postcopy', before: 'running', payload: u64(1n << 8n) },
    { name: 'every bit of a stranger', before: 'new', payload: u64(2n ** 64n - 1n), answer: 'nothing' },
    ...formRows({ payload: u64(0) }),
  ],
};
