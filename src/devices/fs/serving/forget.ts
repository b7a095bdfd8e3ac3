import {
  BatchForgetIn,
  type Exchange,
  ForgetIn,
  ForgetOne,
  IN_HEADER,
  Outcome,
} from '../../../fuse/index.ts';
import type { Served, Serving } from './serving.ts';

/** FORGET: the guest gives references back. */
export function forget<F extends Served>({ fileSystem }: Serving<F>, x: Exchange): number {
  fileSystem.forget(x.node, x.u64(ForgetIn.offsets.lookups));
  return Outcome.silent;
}

/** BATCH_FORGET: as FORGET, for any number of nodes; they are read from the chain one by one. */
export function batchForget<F extends Served>({ fileSystem }: Serving<F>, x: Exchange): number {
  const count = x.u32(BatchForgetIn.offsets.count);
  x.readable.seek(IN_HEADER + BatchForgetIn.size);
  for (let i = 0; i < count; i++) {
    if (x.readable.read(x.bytes, IN_HEADER, ForgetOne.size) < ForgetOne.size) break;
    fileSystem.forget(x.u64(ForgetOne.offsets.node), x.u64(ForgetOne.offsets.lookups));
  }
  return Outcome.silent;
}
