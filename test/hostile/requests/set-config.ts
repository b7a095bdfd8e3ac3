import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints, joined } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setConfig: RequestTable = {
  request: Id.SET_CONFIG,
  refusal: 1n,
  rows: [
    {
      name: 'what may only be read',
      before: 'negotiated',
      payload: joined(ints(0, 4, 0), new Uint8Array(4)),
    },
    {
      name: 'what may only be read, by a migration',
      before: 'negotiated',
      payload: joined(ints(0, 4, 1), new Uint8Array(4)),
    },
    { name: 'at offset 4000', before: 'negotiated', payload: joined(ints(4000, 4, 0), new Uint8Array(4)) },
    {
      name: 'an offset that wraps',
      before: 'running',
      payload: joined(ints(0xffffffff, 4, 0), new Uint8Array(4)),
    },
    {
      name: 'more announced than there is',
      before: 'negotiated',
      payload: joined(ints(0, 8, 0), new Uint8Array(4)),
    },
    {
      name: 'fewer announced than there are',
      before: 'negotiated',
      payload: joined(ints(0, 2, 0), new Uint8Array(4)),
    },
    {
      name: 'flags that do not exist',
      before: 'negotiated',
      payload: joined(ints(0, 4, 0x80000000), new Uint8Array(4)),
    },
    ...formRows({ payload: joined(ints(0, 4, 0), new Uint8Array(4)), sizes: [12, 268], ungated: 'nothing' }),
  ],
};
