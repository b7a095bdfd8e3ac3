import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

export const setOwner: RequestTable = {
  request: Id.SET_OWNER,
  refusal: 1n,
  rows: [
    { name: 'again and again', before: 'running', answer: 0n },
    { name: 'a stranger’s', before: 'new', answer: 'nothing' },
    ...formRows({}),
  ],
};
