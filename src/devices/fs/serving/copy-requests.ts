import { CopyFileRangeOut, type Exchange, WriteOut } from '../../../fuse/index.ts';
import type { Run, Served, Serving } from './serving.ts';

/** COPY_FILE_RANGE by `copy`, which returns how many bytes it has copied: the reply has room for 32 bits. */
export function answerCopied<F extends Served>(serving: Serving<F>, x: Exchange, copy: Run<F>): number {
  const copied = copy(serving, x);
  if (copied < 0) return copied;
  x.put32(WriteOut.offsets.size, copied);
  x.put32(WriteOut.offsets.size + 4, 0);
  return WriteOut.size;
}

/** COPY_FILE_RANGE_64 by `copy`. */
export function answerCopied64<F extends Served>(serving: Serving<F>, x: Exchange, copy: Run<F>): number {
  const copied = copy(serving, x);
  if (copied < 0) return copied;
  x.put64(CopyFileRangeOut.offsets.bytes, copied);
  return CopyFileRangeOut.size;
}
