/** What bounds a device and how it runs. Times are in milliseconds. */
export interface DeviceSettings {
  /** Whose descriptor carries device state: the one that the front end offers, or a pipe of our own. */
  readonly stateChannel: 'front-end' | 'own';
  /** Longest wait for one more byte of a state transfer. */
  readonly stall: number;
  /** Longest time for a whole state transfer. */
  readonly transfer: number;
  /** Largest state that is loaded, in bytes. */
  readonly maxState: number;
  /** How long an instance without a front end keeps what belongs to the guest that it served. */
  readonly keep: number;
  /** How long to look for a next request before sleeping, in microseconds; 0 sleeps at once. */
  readonly spin: number;
  /** Memory regions that a front end can share. */
  readonly memorySlots: number;
  /** Whether packed virtqueues are offered beside split ones. */
  readonly packed: boolean;
  /** Format of the state that is saved, for a device with migration parameters: from 2 on it says which are in effect. */
  readonly stateFormat: number;
  /** The latest format of state that is known: 1 behaves as a device did before there were others. */
  readonly newestStateFormat: number;
}

export const DEFAULT_SETTINGS: DeviceSettings = {
  stateChannel: 'front-end',
  stall: 30_000,
  transfer: 600_000,
  maxState: 64 * 1024 ** 3,
  keep: 300_000,
  spin: 20,
  memorySlots: 509,
  packed: true,
  stateFormat: 2,
  newestStateFormat: 2,
};
