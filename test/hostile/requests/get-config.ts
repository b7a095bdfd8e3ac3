import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints, joined } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const getConfig: RequestTable = {
  request: Id.GET_CONFIG,
  refusal: 'empty',
  rows: [
    {
      name: '300 bytes',
      source: 'CONFIG of 300',
      before: 'negotiated',
      payload: joined(ints(0, 300, 0), new Uint8Array(300)),
    },
    {
      name: 'at offset 4000',
      source: 'CONFIG at 4000',
      before: 'negotiated',
      payload: joined(ints(4000, 4, 0), new Uint8Array(4)),
    },
    {
      name: 'an offset that wraps',
      before: 'running',
      payload: joined(ints(0xffffffff, 4, 0), new Uint8Array(4)),
    },
    {
      name: 'ends beyond the space',
      before: 'running',
      payload: joined(ints(1, 256, 0), new Uint8Array(256)),
    },
    { name: 'of no bytes', before: 'negotiated', payload: ints(0, 0, 0) },
    {
      name: 'more announced than there is',
      before: 'negotiated',
      payload: joined(ints(0, 8, 0), new Uint8Array(4)),
    },
    {
      name: '2^32 - 1 bytes announced',
      before: 'negotiated',
      payload: joined(ints(0, 0xffffffff, 0), new Uint8Array(4)),
    },
    {
      name: 'flags that do not exist',
      before: 'negotiated',
      payload: joined(ints(0, 4, 2), new Uint8Array(4)),
    },
    ...formRows({ payload: joined(ints(0, 4, 0), new Uint8Array(4)), sizes: [12, 268], ungated: 'empty' }),
  ],
};
