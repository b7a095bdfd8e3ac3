import type { DeviceState } from './lifecycle.ts';

/** How the last transfer of a device's state went. */
export interface TransferReport {
  readonly direction: 'save' | 'load';
  readonly outcome: 'running' | 'unchecked' | 'ok' | 'failed';
  readonly bytes: number;
  readonly records: number;
  readonly milliseconds: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** What a served device says of migration compatibility. */
export interface MigrationReport {
  /** Its device model string. */
  readonly model: string;
  /** The migration parameters in effect, as the text of a list. */
  readonly list: string;
  /** SHA-256 of the list, as hex. */
  readonly digest: string;
  /** Whether no parameter may be set for now, because a move counts on them. */
  readonly frozen: boolean;
}

/** The same, and which other lists the device could have been given. */
export interface MigrationDetails extends MigrationReport {
  /** Its migration info document, narrowed to what this instance takes. */
  readonly info: string;
}

/** What a served device says about itself. Feature bits are hexadecimal, such as `0x130000000`. */
export interface DeviceReport {
  readonly device: string;
  readonly stateVersion: number;
  /** Virtio feature bits that are offered. */
  readonly features: string;
  /** Protocol features that are offered, by name. */
  readonly protocolFeatures: readonly string[];
  /** What the front end that owns the device accepted; null without one. */
  readonly negotiated: { readonly features: string; readonly protocolFeatures: readonly string[] } | null;
  readonly lifecycle: DeviceState;
  /** Whether a front end owns the device. */
  readonly owner: boolean;
  readonly ringsRunning: number;
  /** The epoch in which the guest was committed elsewhere, so that rings do not start here; null where it was not. */
  readonly epoch: number | null;
  readonly lastTransfer: TransferReport | null;
  /** Null for a device that has no migration parameters. */
  readonly migration: MigrationReport | null;
}
