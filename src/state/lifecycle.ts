import { FerryError } from '../errors.ts';

/** The states of a device, by the names of VFIO's migration protocol version 2. `stop` is the suspended state. */
export type DeviceState =
  | 'running'
  | 'running-p2p'
  | 'pre-copy'
  | 'pre-copy-p2p'
  | 'stop'
  | 'stop-copy'
  | 'resuming'
  | 'error';

type Row = Readonly<Record<DeviceState, DeviceState>>;

function row(hops: Record<DeviceState, DeviceState>): Row {
  return Object.freeze(hops);
}

/**
 * `NEXT_HOP[from][to]` is the state to go to next on the way. Where it is `to` itself there is an arc. `error` as a next
 * hop to anything else means that there is no way. The one difference from VFIO, where only a reset of the device
 * leaves `error`: that reset is the arc `error` to `stop`.
 */
export const NEXT_HOP: Readonly<Record<DeviceState, Row>> = Object.freeze({
  running: row({
    running: 'running',
    'running-p2p': 'running-p2p',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'pre-copy',
    stop: 'running-p2p',
    'stop-copy': 'running-p2p',
    resuming: 'running-p2p',
    error: 'error',
  }),
  'running-p2p': row({
    running: 'running',
    'running-p2p': 'running-p2p',
    'pre-copy': 'running',
    'pre-copy-p2p': 'pre-copy-p2p',
    stop: 'stop',
    'stop-copy': 'stop',
    resuming: 'stop',
    error: 'error',
  }),
  'pre-copy': row({
    running: 'running',
    'running-p2p': 'running',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'pre-copy-p2p',
    stop: 'running',
    'stop-copy': 'pre-copy-p2p',
    resuming: 'running',
    error: 'error',
  }),
  'pre-copy-p2p': row({
    running: 'running-p2p',
    'running-p2p': 'running-p2p',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'pre-copy-p2p',
    stop: 'running-p2p',
    'stop-copy': 'stop-copy',
    resuming: 'running-p2p',
    error: 'error',
  }),
  stop: row({
    running: 'running-p2p',
    'running-p2p': 'running-p2p',
    'pre-copy': 'running-p2p',
    'pre-copy-p2p': 'running-p2p',
    stop: 'stop',
    'stop-copy': 'stop-copy',
    resuming: 'resuming',
    error: 'error',
  }),
  'stop-copy': row({
    running: 'stop',
    'running-p2p': 'stop',
    'pre-copy': 'error',
    'pre-copy-p2p': 'error',
    stop: 'stop',
    'stop-copy': 'stop-copy',
    resuming: 'stop',
    error: 'error',
  }),
  resuming: row({
    running: 'stop',
    'running-p2p': 'stop',
    'pre-copy': 'stop',
    'pre-copy-p2p': 'stop',
    stop: 'stop',
    'stop-copy': 'stop',
    resuming: 'resuming',
    error: 'error',
  }),
  error: row({
    running: 'error',
    'running-p2p': 'error',
    'pre-copy': 'error',
    'pre-copy-p2p': 'error',
    stop: 'stop',
    'stop-copy': 'error',
    resuming: 'error',
    error: 'error',
  }),
});

/** Where a device is in its life. */
export class Lifecycle {
  #state: DeviceState;

  constructor(state: DeviceState = 'stop') {
    this.#state = state;
  }

  get state(): DeviceState {
    return this.#state;
  }

  /**
   * Follow the arc from `from`, which has to be the present state, to `to`. The only writer of the state. Throws
   * `ERR_LIFECYCLE` and changes nothing where the device is elsewhere or there is no such arc.
   */
  advance(from: DeviceState, to: DeviceState): void {
    if (this.#state !== from)
      throw new FerryError('ERR_LIFECYCLE', `The device is in state ${this.#state}, expected ${from}`);
    if (from === to || NEXT_HOP[from][to] !== to)
      throw new FerryError('ERR_LIFECYCLE', `There is no arc from ${from} to ${to}`);
    this.#state = to;
  }

  /** Advance hop by hop to `target`. Throws `ERR_LIFECYCLE` and changes nothing where there is no way. */
  reach(target: DeviceState): void {
    if (target !== 'error' && !isReachable(this.#state, target))
      throw new FerryError('ERR_LIFECYCLE', `There is no way from ${this.#state} to ${target}`);
    while (this.#state !== target) this.advance(this.#state, NEXT_HOP[this.#state][target]);
  }
}

/** Whether the next hops lead from `from` to `target` without passing through `error`. */
export function isReachable(from: DeviceState, target: DeviceState): boolean {
  for (let at = from; at !== target; at = NEXT_HOP[at][target])
    if (NEXT_HOP[at][target] === 'error') return false;
  return true;
}
