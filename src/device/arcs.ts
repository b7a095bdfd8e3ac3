import type { DeviceState } from '../state/index.ts';

/**
 * Where messages of vhost-user lead: `running` with the first ring that starts, `stop` (suspended) with the last one
 * that stops, `stop-copy` and `resuming` with SET_DEVICE_STATE_FD, and back to `stop` with CHECK_DEVICE_STATE.
 */
export const ARCS = Object.freeze({
  start: 'running',
  suspend: 'stop',
  save: 'stop-copy',
  load: 'resuming',
  check: 'stop',
} as const satisfies Record<string, DeviceState>);
