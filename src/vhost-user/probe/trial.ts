import { asError, FerryError } from '../../errors.ts';
import type { ProtocolFeature } from '../constants.ts';
import { HangUpError } from '../front-end/errors.ts';
import type { FrontEnd } from '../front-end/front-end.ts';
import { TRANSPORT_FEATURES } from '../front-end/negotiation.ts';
import { GuestRam } from '../front-end/ram.ts';
import { MAX_TRIAL_STATE } from '../limits.ts';

const RAM = 1 << 20;
const TRIAL_DEADLINE = 60_000;

/** One thing that was tried with a device. */
export interface TrialStep {
  readonly what: 'memory' | 'log' | 'inflight' | 'save' | 'load';
  readonly ok: boolean;
  readonly found: string;
}

/** What came of taking a device over. */
export interface Trial {
  readonly steps: readonly TrialStep[];
  /** Bytes of the state that was saved; undefined where none was. */
  readonly stateBytes: number | undefined;
}

/**
 * Take the device over and try what a migration does to it, without starting a ring: own it, share memory, log dirty
 * pages, save the device's state and load it back. A guest that used the device loses it.
 */
export function tryDevice(frontEnd: FrontEnd, asked: string[]): Trial {
  const steps: TrialStep[] = [];
  const pieces: Uint8Array[] = [];
  let stateBytes: number | undefined;
  using ram = new GuestRam(RAM);
  const attempt = (what: TrialStep['what'], sent: readonly string[], act: () => string) => {
    if (steps.some((step) => !step.ok)) return;
    asked.push(...sent);
    steps.push(outcome(what, act));
  };
  const has = (feature: keyof typeof ProtocolFeature) => frontEnd.has(feature);
  attempt(
    'memory',
    ['GET_FEATURES', 'SET_OWNER', has('CONFIGURE_MEM_SLOTS') ? 'ADD_MEM_REG' : 'SET_MEM_TABLE'],
    () => {
      frontEnd.step.askFeatures(TRANSPORT_FEATURES);
      frontEnd.step.own();
      frontEnd.shareMemory(ram);
      frontEnd.ping();
      return `${RAM} bytes shared`;
    },
  );
  if (has('LOG_SHMFD'))
    attempt('log', ['SET_LOG_BASE', 'SET_FEATURES', 'SET_FEATURES'], () => {
      frontEnd.startLogging();
      frontEnd.stopLogging();
      frontEnd.ping();
      return 'begun and ended';
    });
  if (has('INFLIGHT_SHMFD'))
    attempt('inflight', ['GET_INFLIGHT_FD', 'SET_INFLIGHT_FD'], () => {
      using region = frontEnd.getInflight({ queues: 1, queueSize: 128 });
      frontEnd.ping();
      return region === undefined ? 'none given' : `${region.size} bytes for one queue of 128`;
    });
  if (has('DEVICE_STATE')) {
    const transfer = ['SET_DEVICE_STATE_FD', 'CHECK_DEVICE_STATE'];
    attempt('save', transfer, () => {
      const limits = { limit: MAX_TRIAL_STATE, deadline: TRIAL_DEADLINE };
      stateBytes = frontEnd.saveState((piece) => pieces.push(piece.slice()), limits);
      return `${stateBytes} bytes`;
    });
    attempt('load', transfer, () => `${loadBack(frontEnd, pieces)} bytes`);
  }
  return { steps, stateBytes };
}

/** Load the state where it came from; a back end may have left by then, because it has given its state away. */
function loadBack(frontEnd: FrontEnd, pieces: readonly Uint8Array[]): number {
  try {
    return frontEnd.loadState(pieces, { deadline: TRIAL_DEADLINE });
  } catch (error) {
    if (!(error instanceof HangUpError)) throw error;
    throw new FerryError(
      'ERR_LEFT',
      'The back end left once its state was saved: a migration that fails after that finds nothing to go back to',
      { cause: error },
    );
  }
}

function outcome(what: TrialStep['what'], act: () => string): TrialStep {
  try {
    return { what, ok: true, found: act() };
  } catch (thrown) {
    const error = asError(thrown);
    const code = error instanceof FerryError ? ` (${error.code})` : '';
    return { what, ok: false, found: `${error.message}${code}` };
  }
}
