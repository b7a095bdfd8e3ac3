import { driverMemory } from './disk-driver.ts';
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

/** Bytes of RAM that the drivers of a machine's disks take. */
export function driverBytes({ disks }: MachinePlan): number {
  return disks.reduce((sum, { size }) => sum + driverMemory(size), 0);
}

/** Bytes of memory that a machine takes once it is filled: RAM, and disks that are in memory. */
export function machineBytes(plan: MachinePlan): number {
  return plan.disks.reduce((sum, { size }) => sum + size, plan.ram + driverBytes(plan));
}
