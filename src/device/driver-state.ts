import type { RingStop } from './ring-stop.ts';

/** What the SDK itself keeps of the guest's driver, beside the device's own state. */
export interface DriverState {
  /** Feature bits agreed upon, without those of the connection. */
  features: bigint;
  /** Where each ring stopped that ever ran. */
  stops: Map<number, RingStop>;
  /** Whether there was a driver, or its state was loaded. */
  seen: boolean;
}

/** The state before there was a driver. */
export function noDriver(): DriverState {
  return { features: 0n, stops: new Map(), seen: false };
}
