import type { Request } from '../../../device/index.ts';
import { type Exchange, Opcode } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { OperationTable } from './operation-table.ts';
import type { Served, Serving } from './serving.ts';

/**
 * Take a request apart and run its operation. Whatever is wrong with the request itself is found here, before anything
 * is done: a header that disagrees with the chain, an opcode that is not served, arguments that are cut short, a chain
 * without room for the reply, a request before INIT.
 */
export function dispatch<F extends Served>(
  serving: Serving<F>,
  operations: OperationTable<F>,
  x: Exchange,
  { readable, writable }: Request,
): number {
  const malformed = x.receive(readable, writable);
  if (malformed !== 0) return malformed;
  const operation = operations.find(x.opcode);
  if (operation === undefined) return -Errno.ENOSYS;
  if (x.argumentBytes < operation.arguments || writable.length < operation.room) return -Errno.EINVAL;
  if (serving.fileSystem.session === undefined && x.opcode !== Opcode.init) return -Errno.EIO;
  if (!operation.streams) {
    const error = x.takeRest();
    if (error !== 0) return error;
  }
  return operation.run(serving, x);
}
