import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { RAM_SIZE, regionBytes, USER } from '../../support/vhost-user-rig.ts';
import { formRows, type RequestTable } from '../table.ts';

export const remMemReg: RequestTable = {
  request: Id.REM_MEM_REG,
  refusal: 1n,
  rows: [
    { name: 'not there', source: 'REM of unknown', before: 'negotiated', payload: regionBytes(0, 4096) },
    {
      name: 'not there, with a descriptor',
      source: 'REM of unknown',
      before: 'mapped',
      payload: regionBytes(RAM_SIZE, 4096),
      fds: ['ram'],
    },
    { name: 'another size', before: 'mapped', payload: regionBytes(0, RAM_SIZE - 1, USER) },
    { name: 'another user address', before: 'mapped', payload: regionBytes(0, RAM_SIZE, USER + 1) },
    { name: 'from under a ring', before: 'running', payload: regionBytes(0, RAM_SIZE, USER) },
    { name: 'addresses of 2^64 - 1', before: 'mapped', payload: new Uint8Array(40).fill(0xff) },
    {
      name: 'and it is gone',
      before: 'mapped',
      payload: regionBytes(0, RAM_SIZE, USER),
      answer: 0n,
      after: 'negotiated',
    },
    ...formRows({ payload: regionBytes(0, 4096), mostFds: 1, ungated: 'nothing' }),
  ],
};
