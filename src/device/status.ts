import type { DeviceState } from '../state/index.ts';
import { ProtocolFeature } from '../vhost-user/index.ts';
import type { Direction } from './transfer.ts';

/** How the last transfer of device state went. */
export interface TransferReport {
  readonly direction: Direction;
  readonly outcome: 'running' | 'unchecked' | 'ok' | 'failed';
  readonly bytes: number;
  readonly records: number;
  readonly milliseconds: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** What a device instance says about itself. Feature bits are hexadecimal, protocol features go by name. */
export interface InstanceStatus {
  readonly device: string;
  readonly stateVersion: number;
  readonly features: string;
  readonly protocolFeatures: readonly string[];
  /** What the front end that owns the instance accepted; null without one. */
  readonly negotiated: { readonly features: string; readonly protocolFeatures: readonly string[] } | null;
  readonly lifecycle: DeviceState;
  /** Whether a front end owns the instance. */
  readonly owner: boolean;
  readonly ringsRunning: number;
  /** The epoch in which the guest was committed elsewhere, so that rings do not start here; null where it was not. */
  readonly epoch: number | null;
  readonly lastTransfer: TransferReport | null;
}

/** Feature bits as `0x130000000`. */
export function showFeatures(features: bigint): string {
  return `0x${features.toString(16)}`;
}

/** The names of protocol feature bits. */
export function protocolFeatureNames(features: bigint): string[] {
  return Object.entries(ProtocolFeature).flatMap(([name, bit]) => ((features & bit) === 0n ? [] : [name]));
}
