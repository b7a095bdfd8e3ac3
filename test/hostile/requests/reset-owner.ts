import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

/** Deprecated: taken, and without any effect. */
export const resetOwner: RequestTable = {
  request: Id.RESET_OWNER,
  refusal: 1n,
  rows: [
    { name: 'changes nothing while a ring runs', before: 'running', answer: 0n },
    { name: 'changes nothing during a transfer', before: 'loading', answer: 0n },
    ...formRows({}),
  ],
};
