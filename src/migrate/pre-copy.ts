import { CONVERGENCE, Convergence, DowntimeRamp } from '../memory/index.ts';
import type { MigrationInfo } from '../qmp/index.ts';
import { type Look, lookAtMigration, whyFailed } from './look.ts';
import { type Cause, INTERFERED, type Move, type NextPhase, now, type Sides } from './move.ts';
import type { Plan } from './plan.ts';
import { ProgressMeter } from './progress.ts';
import { Wake } from './wake.ts';

/** Watch the source copy memory until it has stopped the guest, or until something speaks for undoing the move. */
export async function preCopy(move: Move, sides: Sides, plan: Plan): Promise<NextPhase> {
  const back = (cause: Cause): NextPhase => ({ name: 'roll-back', sides, plan, cause });
  const { source } = sides;
  const { pollMs, silenceMs } = move.timings;
  using wake = new Wake(source, (name, seconds) => {
    if (name === 'STOP') move.stopped ??= now(seconds);
    else if (name === 'RESUME') move.stopped = undefined;
  });
  const watch = new DestinationWatch(move, sides);
  const convergence = new Convergence({ ...CONVERGENCE, maxDowntimeMs: plan.maxDowntimeMs });
  const ramp = new DowntimeRamp(plan.downtimeMs);
  const meter = new ProgressMeter();
  const began = move.elapsedMs;
  for (;;) {
    if (move.cancel.aborted) return back({ code: 'cancelled', text: 'Cancelled', wanted: true });
    const seen = await lookAtMigration(source, silenceMs, move.cancel);
    if (move.cancel.aborted) continue;
    if (seen.kind !== 'answer') return back({ code: `source-${seen.kind}`, text: seen.text });
    const info = seen.value;
    move.info = info.ram === undefined ? move.info : info;
    if (info.status === 'pre-switchover') {
      move.stopped ??= now();
      return { name: 'switchover', sides, plan };
    }
    if (info.status === 'failed' || info.status === 'cancelled' || info.status === 'completed')
      return back(await ended(move, sides, info));
    const trouble = watch.trouble();
    if (trouble !== undefined) return back(trouble);
    if (plan.timeoutS !== undefined && move.elapsedMs - began > plan.timeoutS * 1000)
      return back({
        code: 'did-not-converge',
        text: `Pre-copy did not converge within ${plan.timeoutS} s${remaining(info)}`,
      });
    const progress = meter.read(info, move.elapsedMs);
    if (progress !== undefined) {
      move.emit({ type: 'progress', ...progress });
      if (ramp.sample(progress)) await limitDowntime(move, sides, ramp.currentMs);
      const decision = convergence.sample({ atMs: move.elapsedMs, ...progress });
      if (decision.kind === 'give-up')
        return back({ code: 'did-not-converge', text: `Pre-copy did not converge: ${decision.why}` });
      if (decision.kind === 'raise') {
        move.note(`Downtime limit raised to ${decision.downtimeMs} ms: ${decision.why}`);
        await limitDowntime(move, sides, decision.downtimeMs);
      }
    }
    await wake.wait(pollMs, move.cancel);
  }
}

/** Set the pause below which the source stops the guest. */
export async function limitDowntime(move: Move, { source }: Sides, downtimeMs: number): Promise<void> {
  const options = { signal: move.cancel, deadlineMs: move.timings.silenceMs };
  await source.client.execute('migrate-set-parameters', { 'downtime-limit': downtimeMs }, options);
}

async function ended(move: Move, { destination }: Sides, info: MigrationInfo): Promise<Cause> {
  if (info.status === 'failed')
    return { code: 'qemu-failed', text: await whyFailed(info, destination, move.timings.goMs, move.force) };
  if (info.status === 'cancelled')
    return { code: 'cancelled-elsewhere', text: 'Somebody else cancelled the migration' };
  return { code: INTERFERED, text: 'The migration completed though it was to wait before the switchover' };
}

function remaining({ ram }: MigrationInfo): string {
  return ram === undefined ? '' : `: ${Math.round(ram.remaining / 1_048_576)} MiB remain`;
}

/** Looks at the destination from time to time, without ever making the source wait for it. */
class DestinationWatch {
  readonly #move: Move;
  readonly #sides: Sides;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking = false;
  #trouble: Cause | undefined;

  constructor(move: Move, sides: Sides) {
    this.#move = move;
    this.#sides = sides;
  }

  /** What speaks against going on, if anything does by now. */
  trouble(): Cause | undefined {
    const { destinationPollMs } = this.#move.timings;
    if (!this.#asking && this.#move.elapsedMs - this.#askedAt >= destinationPollMs) {
      this.#asking = true;
      this.#askedAt = this.#move.elapsedMs;
      this.#ask().catch((error: unknown) => {
        const text = `${this.#sides.destination.name}: ${String(error)}`;
        this.#trouble = { code: 'destination-unreadable', text };
      });
    }
    return this.#trouble;
  }

  async #ask(): Promise<void> {
    const { silenceMs } = this.#move.timings;
    const seen = await lookAtMigration(this.#sides.destination, silenceMs, this.#move.cancel);
    this.#asking = false;
    if (!this.#move.cancel.aborted) this.#trouble = judge(seen);
  }
}

function judge(seen: Look<MigrationInfo>): Cause | undefined {
  if (seen.kind !== 'answer') return { code: `destination-${seen.kind}`, text: seen.text };
  if (seen.value.status !== 'failed') return undefined;
  return {
    code: 'destination-failed',
    text: seen.value['error-desc'] ?? 'The destination failed without giving a reason',
  };
}
