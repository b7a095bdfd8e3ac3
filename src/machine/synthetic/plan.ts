import type { DiskPlan } from './disk-lane.ts';

/** What a machine is made of. The same at both ends of a move. */
export interface MachinePlan {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Bytes of RAM that the guest works in; what its drivers need comes on top. */
  readonly ram: number;
  /** Bytes of pages that the guest writes per second. */
  readonly dirtyRate: number;
  readonly disks: readonly DiskPlan[];
}
