import { CONVERGENCE, Convergence, DowntimeRamp } from '../../memory/index.ts';

/** When pre-copy ends. Times in milliseconds. */
export interface PacingRule {
  readonly downtimeMs: number;
  readonly maxDowntimeMs: number;
  readonly patienceMs: number;
  /** Longest pre-copy. */
  readonly precopyMs: number;
  readonly onStall: 'fail' | 'force';
}

/** Memory when a pass has ended and what was written meanwhile has been collected. */
export interface PassEnd {
  /** From the start of pre-copy. */
  readonly atMs: number;
  readonly pass: number;
  /** Bytes that were written to. */
  readonly remaining: number;
  /** Bytes of memory per second; undefined where nothing is known yet. */
  readonly rate: number | undefined;
}

export type Pace =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'switch-over'; readonly why: string }
  | { readonly kind: 'give-up'; readonly why: string };

/**
 * Decides after each pass what comes next. The machine is stopped when what remains takes no longer than the target, which
 * begins low and grows to `downtimeMs` while passes still help; or, when there is no net progress any more, at a local
 * minimum that takes no longer than `maxDowntimeMs`. Without hope of that it gives up, or has the machine stopped all the
 * same, as `onStall` says.
 */
export class Pacing {
  readonly #rule: PacingRule;
  readonly #ramp: DowntimeRamp;
  readonly #convergence: Convergence;

  constructor(rule: PacingRule) {
    this.#rule = rule;
    this.#ramp = new DowntimeRamp(rule.downtimeMs);
    const { patienceMs } = rule;
    const maxDowntimeMs = Math.max(rule.maxDowntimeMs, rule.downtimeMs);
    this.#convergence = new Convergence({ ...CONVERGENCE, patienceMs, maxDowntimeMs });
  }

  /** Whether passes make no net progress at present. */
  get stalled(): boolean {
    return this.#convergence.stalled;
  }

  decide(end: PassEnd): Pace {
    const { remaining, rate, atMs } = end;
    if (remaining === 0) return { kind: 'switch-over', why: 'Nothing remains' };
    this.#ramp.sample(end);
    const pause = pauseOf(remaining, rate);
    if (pause !== undefined && pause <= this.#ramp.currentMs)
      return { kind: 'switch-over', why: `What remains takes ${Math.ceil(pause)} ms` };
    const decision = this.#convergence.sample(end);
    if (decision.kind === 'raise') return { kind: 'switch-over', why: capital(decision.why) };
    if (decision.kind === 'give-up') return this.#hopeless(capital(decision.why));
    const { precopyMs } = this.#rule;
    if (atMs >= precopyMs)
      return this.#hopeless(`After ${precopyMs} ms ${mib(remaining)} MiB remain, the limit for pre-copy`);
    return { kind: 'go-on' };
  }

  #hopeless(why: string): Pace {
    return { kind: this.#rule.onStall === 'force' ? 'switch-over' : 'give-up', why };
  }
}

/** Milliseconds that `remaining` bytes take. */
export function pauseOf(remaining: number, rate: number | undefined): number | undefined {
  return rate === undefined || rate <= 0 ? undefined : (remaining / rate) * 1000;
}

const HALF_LIFE_MS = 500;

/**
 * Bytes per second, where what is older counts less: half as much for every half second of sending since. Time in which
 * nothing is sent does not count.
 */
export class RateMeter {
  #bytes = 0;
  #ms = 0;

  /** Undefined before anything was sent. */
  get rate(): number | undefined {
    return this.#bytes === 0 || this.#ms === 0 ? undefined : (this.#bytes / this.#ms) * 1000;
  }

  /** `bytes` were sent in `ms`. */
  note(bytes: number, ms: number): void {
    const fade = 0.5 ** (ms / HALF_LIFE_MS);
    this.#bytes = this.#bytes * fade + bytes;
    this.#ms = this.#ms * fade + ms;
  }
}

function mib(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
