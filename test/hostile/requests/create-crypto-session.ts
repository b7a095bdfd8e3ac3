import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. For crypto devices. */
export const createCryptoSession: RequestTable = {
  request: Id.CREATE_CRYPTO_SESSION,
  refusal: 'empty',
  rows: [
    {
      name: 'key lengths of 2^32 - 1',
      source: 'CVE-2020-10724',
      before: 'negotiated',
      payload: new Uint8Array(200).fill(0xff),
    },
    {
      name: 'key lengths of 2^32 - 1, while a ring runs',
      source: 'CVE-2020-10724',
      before: 'running',
      payload: new Uint8Array(4096).fill(0xff),
    },
    ...formRows({ payload: new Uint8Array(0), sizes: [0, 4096], ungated: 'empty' }),
  ],
};
