import { setTimeout as delay } from 'node:timers/promises';
import type { MigrationInfo } from '../qmp/index.ts';
import { abortTransfers, transferFailures } from './back-ends.ts';
import { isGoingOn, type Look, look, lookAtGuest, lookAtMigration, refusal, whyFailed } from './look.ts';
import type { Cause, Move, NextPhase, Sides } from './move.ts';
import type { Plan } from './plan.ts';
import { aborted } from './side.ts';
import { forcedEnd, lostInSwitchover, silentInSwitchover } from './unknown.ts';
import type { Ending } from './verdict.ts';
import { Wake } from './wake.ts';

/**
 * The guest stands still at the source. Ask once more whether all is well, let the source send the devices, and wait until
 * it says that everything has arrived. Until then every failure goes back to the source.
 */
export async function switchOver(move: Move, sides: Sides, plan: Plan): Promise<NextPhase> {
  const back = (cause: Cause): NextPhase => ({ name: 'roll-back', sides, plan, cause });
  const against = await noGo(move, sides);
  if (against !== undefined) return back(against);
  const { source } = sides;
  using wake = new Wake(source);
  move.done.continued = true;
  const deadlineMs = move.timings.giveUpMs;
  const told = await patiently(
    move,
    plan,
    source.client.execute(
      'migrate-continue',
      { state: 'pre-switchover' },
      { deadlineMs, signal: move.cancel },
    ),
    sides,
  );
  const until = performance.now() + move.timings.switchoverMs;
  let seen = told.kind === 'lost' || told.kind === 'silent' ? told : await ask(move, sides, plan);
  for (;;) {
    if (move.force.aborted)
      return { name: 'ended', ending: forcedEnd(sides, 'The switchover was under way') };
    if (move.cancel.aborted) return back({ code: 'cancelled', text: 'Cancelled', wanted: true });
    if (seen.kind === 'silent') return { name: 'ended', ending: silentInSwitchover(sides, seen.text) };
    if (seen.kind === 'refused') return back({ code: 'command-refused', text: seen.text });
    if (seen.kind === 'lost') {
      const next = await findOut(move, sides, plan);
      if (next !== undefined) return next;
    } else {
      move.info = seen.value.ram === undefined ? move.info : seen.value;
      if (seen.value.status === 'completed')
        return { name: 'commit', sides, plan, proof: 'the source says that everything has arrived' };
      if (!isGoingOn(seen.value)) return back(await failure(move, sides, plan, seen.value));
      if (told.kind === 'refused' && seen.value.status === 'pre-switchover')
        return back({ code: 'command-refused', text: told.text });
      if (performance.now() > until)
        return back({
          code: 'switchover-stuck',
          text: `The switchover took more than ${move.timings.switchoverMs / 1000} s (${seen.value.status})`,
        });
      await wake.wait(move.timings.pollMs / 4, move.cancel);
    }
    seen = await ask(move, sides, plan);
  }
}

/** The last question before the guest leaves: is anybody there to take it? */
async function noGo(move: Move, { destination }: Sides): Promise<Cause | undefined> {
  if (move.cancel.aborted) return { code: 'cancelled', text: 'Cancelled', wanted: true };
  const seen = await lookAtMigration(destination, move.timings.goMs, move.cancel);
  if (move.cancel.aborted) return { code: 'cancelled', text: 'Cancelled', wanted: true };
  if (seen.kind !== 'answer') return { code: `destination-${seen.kind}`, text: seen.text };
  if (seen.value.status === 'active') return undefined;
  return {
    code: 'destination-failed',
    text:
      seen.value['error-desc'] ?? `The destination's incoming migration is ${seen.value.status ?? 'none'}`,
  };
}

async function failure(move: Move, { destination }: Sides, plan: Plan, info: MigrationInfo): Promise<Cause> {
  const [text, backEnds] = await Promise.all([
    whyFailed(info, destination, move.timings.goMs, move.force),
    transferFailures(move, plan),
  ]);
  return { code: 'qemu-failed', text: [...backEnds, text].join('; ') };
}

type Refused = { readonly kind: 'refused'; readonly text: string };

function ask(move: Move, sides: Sides, plan: Plan): Promise<Look<MigrationInfo> | Refused> {
  const { source } = sides;
  const deadlineMs = move.timings.giveUpMs;
  return patiently(
    move,
    plan,
    source.client.execute('query-migrate', {}, { deadlineMs, signal: move.cancel }),
    sides,
  );
}

/**
 * Wait for an answer of the source. QEMU as a whole stands still while a back end does not let go of its state, and has no
 * time limit of its own: when the source has been silent for too long, Ferry's back ends are told to give up.
 */
async function patiently<T>(
  move: Move,
  plan: Plan,
  answer: Promise<T>,
  { source }: Sides,
): Promise<Look<T> | Refused> {
  const answered = new AbortController();
  const watchdog = watch(move, plan, answered.signal);
  try {
    return await look(source, answer);
  } catch (error) {
    const text = refusal(error);
    if (text === undefined) throw error;
    return { kind: 'refused', text };
  } finally {
    answered.abort();
    await watchdog;
  }
}

async function watch(move: Move, plan: Plan, answered: AbortSignal): Promise<void> {
  const silence = AbortSignal.timeout(move.timings.silenceMs);
  await Promise.race([aborted(silence), aborted(answered)]);
  if (answered.aborted) return;
  const seconds = move.timings.silenceMs / 1000;
  move.note(`The source's monitor has been silent for ${seconds} s, probably QEMU waits for a back end`);
  await abortTransfers(move, plan, `QEMU has not answered for ${seconds} s`);
}

/** The source's monitor has gone in the middle of the switchover: the next phase, or undefined when it came back. */
async function findOut(move: Move, sides: Sides, plan: Plan): Promise<NextPhase | undefined> {
  const { source, destination } = sides;
  const { reconnectMs, giveUpMs, goMs, pollMs } = move.timings;
  if (await source.reconnect(reconnectMs, move.force)) return undefined;
  if (!(await source.hasEnded()))
    return {
      name: 'ended',
      ending: lostInSwitchover(sides, `The monitor of ${source.name} has gone and did not come back`),
    };
  // The process is dead, so nothing can run there. The guest is saved if, and only if, all of it has arrived.
  const until = performance.now() + giveUpMs;
  for (;;) {
    const seen = await lookAtMigration(destination, goMs, move.force);
    const status = seen.kind === 'answer' ? seen.value.status : undefined;
    if (status === 'completed')
      return {
        name: 'commit',
        sides,
        plan,
        proof: 'the source process has ended after everything had arrived',
      };
    if (status === 'failed' || seen.kind === 'lost' || move.force.aborted || performance.now() > until)
      return { name: 'ended', ending: await sourceDied(move, sides, status) };
    await delay(pollMs, undefined, { ref: true });
  }
}

async function sourceDied(move: Move, sides: Sides, status: string | undefined): Promise<Ending> {
  const { source, destination } = sides;
  const guest = await lookAtGuest(destination, move.timings.goMs, move.force);
  if (status !== 'failed')
    return lostInSwitchover(
      sides,
      `The process of ${source.name} has ended and the destination does not tell what it has`,
    );
  return {
    outcome: 'failed',
    code: 'source-died',
    why: `The process of ${source.name} ended before the whole guest had arrived: the guest runs nowhere`,
    guestAt: 'nowhere',
    guestState: guest.kind === 'answer' ? guest.value.status : undefined,
    nextSteps: [
      'Find out why the source process ended, then start the VM anew from its disks',
      `Quit ${destination.name}: it holds an incomplete guest`,
    ],
  };
}
