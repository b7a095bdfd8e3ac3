import { RAM_PAGE_SIZE } from '../../payloads/index.ts';
import { everyChannelAt } from '../barrier.ts';
import { TransferError } from '../errors.ts';
import { Pacing, pauseOf } from '../pacing.ts';
import { NEVER, whileAdvancing } from '../wait.ts';
import type { Source } from './source.ts';

/** Send all of memory, then again and again what was written to meanwhile, until the machine may be stopped. */
export async function preCopy(source: Source): Promise<void> {
  const { course, ram, machine, plan } = source;
  course.enter('pre-copy');
  const pacing = new Pacing(plan.pacing);
  const began = performance.now();
  ram.addAll();
  for (;;) {
    const { pages, ms } = await makePass(source);
    await machine.dirty.collect(ram.pages);
    const { remaining, passes: pass } = source;
    const { rate } = source.rate;
    const pauseMs = pauseOf(remaining, rate);
    course.emit({
      type: 'pass',
      pass,
      pages,
      remaining,
      ms: Math.round(ms),
      ...(rate === undefined ? {} : { rate: Math.round(rate) }),
      ...(pauseMs === undefined ? {} : { pauseMs: Math.round(pauseMs) }),
    });
    const pace = pacing.decide({ atMs: performance.now() - began, pass, remaining, rate });
    if (pace.kind === 'give-up') throw new TransferError('ERR_NO_CONVERGENCE', pace.why);
    if (pace.kind === 'switch-over') {
      course.note(pace.why);
      return;
    }
  }
}

/** Send what is in `ram.pages`, to a barrier behind it. */
export async function makePass(source: Source): Promise<{ readonly pages: number; readonly ms: number }> {
  const { ram } = source;
  const began = performance.now();
  const pages = ram.remaining();
  const before = ram.counters().normal;
  ram.open();
  await passBarrier(source);
  const ms = performance.now() - began;
  source.rate.note((ram.counters().normal - before) * RAM_PAGE_SIZE, ms);
  source.passes++;
  return { pages, ms };
}

/**
 * Have every channel say that all of memory which was opened for sending has been sent, and the destination that it has
 * arrived. What was sent before cannot be lost with a channel any more.
 */
export async function passBarrier(source: Source): Promise<void> {
  const { course, ram, plan } = source;
  const { signal, timings } = course;
  const channels = source.channels!;
  const barrier = channels.postBarrier();
  source.barriers = barrier;
  const advanced = () => source.bytes + (source.replacements?.tries ?? 0);
  const count = plan.proposal.channels;
  await everyChannelAt(channels, { barrier, count, did: 'written' }, advanced, {
    ms: timings.stallMs,
    signal,
  });
  course.say({ kind: 'barrier', n: barrier });
  if (!plan.oneWay) {
    const passed = course.next(`Barrier ${barrier} at the destination`, NEVER, 'barrier-done');
    const what = `The destination’s passing of barrier ${barrier}`;
    // The destination knows which channel it waits for: it has its time to say so before this end gives up
    const { n } = await whileAdvancing(passed, advanced, { what, ms: 2 * timings.barrierMs, signal });
    if (n !== barrier)
      throw new TransferError(
        'ERR_TRANSFER_ORDER',
        `The destination passed barrier ${n}, expected ${barrier}`,
      );
  }
  ram.confirm();
}
