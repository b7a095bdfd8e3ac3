import { type Exchange, Rename2In, RenameIn } from '../../../fuse/index.ts';
import { Errno } from '../../../sys/index.ts';
import type { Served, Serving } from './serving.ts';

/** Flags of renameat2(2). */
export const RenameFlag = { noReplace: 1, exchange: 2, whiteout: 4 } as const;

const { noReplace, exchange, whiteout } = RenameFlag;

/** Moves what is called by the names that come next to the directory `newDirectory`. */
type Move<F extends Served> = (
  serving: Serving<F>,
  x: Exchange,
  newDirectory: number,
  flags: number,
) => number;

/** RENAME by `move`. */
export function renamePlainly<F extends Served>(serving: Serving<F>, x: Exchange, move: Move<F>): number {
  x.skip(RenameIn.size);
  return move(serving, x, x.u64(RenameIn.offsets.newDirectory), 0);
}

/** RENAME2 by `move`, with flags that go together. */
export function renameWithFlags<F extends Served>(serving: Serving<F>, x: Exchange, move: Move<F>): number {
  const flags = x.u32(Rename2In.offsets.flags);
  x.skip(Rename2In.size);
  if (flags & ~(noReplace | exchange | whiteout)) return -Errno.EINVAL;
  if (flags & exchange && flags & (noReplace | whiteout)) return -Errno.EINVAL;
  return move(serving, x, x.u64(Rename2In.offsets.newDirectory), flags);
}
