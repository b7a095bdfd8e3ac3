/** The embedded machine: a guest's driver and workload in QEMU's place. */
export { BLK_CONFIG_LENGTH, type BlkConfig, BlkFeature, BlkStatus, decodeBlkConfig } from './blk/format.ts';
export { BlkSession, type BlkSessionOptions } from './blk-session.ts';
export { EmbeddedMachine, type EmbeddedMove } from './embedded.ts';
export { FuseSession, type FuseSessionOptions } from './fuse-session.ts';
export { type DriverOptions, type DriverShape, GuestDriver } from './guest-driver.ts';
export { GuestQueue, type QueueOwner, streamQueues, type Waiting } from './guest-queue.ts';
export { decodeNetConfig, NET_CONFIG_LENGTH, type NetConfig, NetFeature } from './net/format.ts';
export { arpAnswer, arpRequest, dhcpDiscover, dhcpOffer, type Host } from './net/frames.ts';
export { NetSession, type NetSessionOptions } from './net-session.ts';
export { type EmbeddedEvent, type EmbeddedPlan, runEmbedded } from './run-embedded.ts';
export { differingPieces, PIECE_BYTES } from './synthetic/digests.ts';
export type { DiskFindings } from './synthetic/disk-driver.ts';
export type { DiskPlan } from './synthetic/disk-lane.ts';
export type { StateMoved } from './synthetic/hosted-disk.ts';
export { type MachineFindings, SyntheticMachine } from './synthetic/machine.ts';
export type { MachinePlan } from './synthetic/plan.ts';
export type { MemoryFindings } from './synthetic/ram-workload.ts';
export { type Observation, Workload } from './workload.ts';
