import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { ints } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const checkDeviceState: RequestTable = {
  request: Id.CHECK_DEVICE_STATE,
  refusal: 1n,
  rows: [
    { name: 'of nothing', source: 'CHECK alone', before: 'negotiated' },
    { name: 'of nothing, while a ring runs', source: 'CHECK alone', before: 'running' },
    { name: 'of a save that nobody read', before: 'saving', after: 'negotiated' },
    { name: 'of a load that nobody wrote', before: 'loading', after: 'negotiated' },
    {
      name: 'of a state that could not be written',
      source: 'state into /dev/full',
      before: 'negotiated',
      first: [{ id: Id.SET_DEVICE_STATE_FD, payload: ints(0, 0), fds: ['full'], answers: 0x100n }],
    },
    {
      name: 'of zeroes',
      before: 'negotiated',
      first: [{ id: Id.SET_DEVICE_STATE_FD, payload: ints(1, 0), fds: ['zeroes'], answers: 0x100n }],
    },
    ...formRows({ ungated: 1n }),
  ],
};
