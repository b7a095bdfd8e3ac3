import { FrontEndRequest as Id } from '../../../src/vhost-user/index.ts';
import { formRows, type RequestTable } from '../table.ts';

export const resetDevice: RequestTable = {
  request: Id.RESET_DEVICE,
  refusal: 1n,
  rows: [
    { name: 'again and again', before: 'mapped', answer: 0n },
    { name: 'ends a save', before: 'saving', answer: 0n, after: 'negotiated' },
    { name: 'ends a load', before: 'loading', answer: 0n, after: 'negotiated' },
    { name: 'stops the rings', before: 'running', answer: 0n, after: 'mapped' },
    ...formRows({ ungated: 'nothing' }),
  ],
};
