import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { u64 } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For crypto devices. */
export const closeCryptoSession: RequestTable = {
  request: Id.CLOSE_CRYPTO_SESSION,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: u64(1) },
    { name: 'in good form, while a ring runs', before: 'running', payload: u64(1) },
    ...formRows({ payload: u64(1), ungated: 'nothing' }),
  ],
};
