import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For net devices. */
export const sendRarp: RequestTable = {
  request: Id.SEND_RARP,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: u64(0x5452_0012_3456n) },
    { name: 'in good form, while a ring runs', before: 'running', payload: u64(0x5452_0012_3456n) },
    ...formRows({ payload: u64(0x5452_0012_3456n), ungated: 'nothing' }),
  ],
};
