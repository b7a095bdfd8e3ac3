import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Never served. Addresses are not translated: VIRTIO_F_ACCESS_PLATFORM is not offered. */
export const iotlbMsg: RequestTable = {
  request: Id.IOTLB_MSG,
  refusal: 1n,
  rows: [
    { name: 'in good form', before: 'negotiated', payload: new Uint8Array(32) },
    { name: 'in good form, while a ring runs', before: 'running', payload: new Uint8Array(32) },
    ...formRows({ payload: new Uint8Array(32) }),
  ],
};
