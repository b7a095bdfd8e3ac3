import { asError } from '../errors.ts';
import { QmpUnansweredError } from '../qmp/index.ts';
import { thaw } from './back-ends.ts';
import { isGoingOn, lookAtGuest, lookAtMigration, refusal } from './look.ts';
import { type Cause, INTERFERED, type Move, type Sides } from './move.ts';
import type { Plan } from './plan.ts';
import { forcedEnd, interfered, lostBeforeSwitchover, lostInSwitchover } from './unknown.ts';
import type { Ending } from './verdict.ts';
import { Wake } from './wake.ts';

/**
 * Undo the move: the migration is stopped, the destination shut, the guest seen as it was at the source. The guest is told
 * to run at the source only if the destination was never told to start it, or said that it did not.
 */
export async function rollBack(move: Move, sides: Sides, plan: Plan, cause: Cause): Promise<Ending> {
  if (cause.code === INTERFERED) return interfered(sides, cause.text);
  move.note(`Rolling back: ${cause.text}`);
  const settled = move.done.migrating ? await settle(move, sides) : 'settled';
  if (settled === 'forced')
    return forcedEnd(sides, 'The migration was told to cancel and was not seen to end');
  if (settled === 'lost' && move.done.continued) return lostWhileUndoing(move, sides, cause);
  const shut = await shutDestination(move, sides);
  if (settled === 'lost' && !(await sides.source.reconnect(move.timings.reconnectMs, move.force)))
    return lostForGood(sides, cause);
  const state = await resume(move, sides, plan);
  if (move.force.aborted) return forcedEnd(sides, `The guest was last seen ${state ?? 'nowhere'}`);
  if (state === undefined) return lostBeforeSwitchover(sides, `${cause.text}; the source does not answer`);
  await restore(move, sides, plan);
  await thaw(move, plan);
  const ending = atSource(move, sides, plan, cause, state, shut);
  return { ...ending, nextSteps: [...(await lostBackEnds(move, sides)), ...ending.nextSteps] };
}

type Settled = 'settled' | 'lost' | 'forced';

/** Cancel the migration and wait until the source has stopped working on it. */
async function settle(move: Move, { source }: Sides): Promise<Settled> {
  using wake = new Wake(source);
  const until = performance.now() + move.timings.cancelMs;
  let told = false;
  while (performance.now() < until) {
    const seen = await lookAtMigration(source, move.timings.silenceMs, move.force);
    if (move.force.aborted) return 'forced';
    if (seen.kind === 'lost' && !(await source.reconnect(move.timings.reconnectMs, move.force)))
      return 'lost';
    if (seen.kind === 'silent') return 'lost';
    if (seen.kind === 'answer') {
      if (!isGoingOn(seen.value)) return 'settled';
      if (!told) told = await tell(move, source.client.execute('migrate_cancel', {}, { signal: move.force }));
      await wake.wait(move.timings.pollMs / 4, move.force);
    }
  }
  return 'lost';
}

/** Wait for a command whose refusal or loss shows in what is asked next. True when it was taken. */
async function tell(move: Move, answer: Promise<void>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (refusal(error) === undefined && !(error instanceof QmpUnansweredError)) throw error;
    move.note(asError(error).message);
    return false;
  }
}

type Shut = 'left-waiting' | 'gone' | 'told' | 'unreachable';

/** A destination that has begun to take the guest holds a part of it, which is of no use: it is told to quit. */
async function shutDestination(move: Move, { destination }: Sides): Promise<Shut> {
  if (!move.done.listening) return 'left-waiting';
  const { quitMs } = move.timings;
  const options = { deadlineMs: quitMs, signal: move.force };
  const told =
    destination.client.isClosed || (await tell(move, destination.client.execute('quit', {}, options)));
  if (!told && !destination.client.isClosed) return 'unreachable';
  return (await destination.waitForEnd(quitMs, move.force)) ? 'gone' : 'told';
}

/** See the guest in the state it was in, telling it to run where QEMU has left it stopped. Undefined: no answer. */
async function resume(move: Move, { source }: Sides, plan: Plan): Promise<string | undefined> {
  const { confirmMs, pollMs, silenceMs } = move.timings;
  const until = performance.now() + confirmMs;
  const nudgeAt = performance.now() + confirmMs / 10;
  using wake = new Wake(source);
  for (;;) {
    const isLast = performance.now() >= until;
    const guest = await lookAtGuest(source, silenceMs, move.force);
    if (guest.kind === 'answer') {
      const { status, running } = guest.value;
      if (isLast || status === plan.state || (plan.live ? running : status === 'postmigrate')) return status;
      // QEMU goes on by itself a moment after it gave up, except when all had been sent or it fears for the disks.
      const stuck = status === 'postmigrate' || performance.now() >= nudgeAt;
      if (plan.live && stuck && (move.done.cont === 'never' || move.done.cont === 'refused'))
        await tell(move, source.client.execute('cont', {}, { signal: move.force }));
    } else if (isLast || move.force.aborted || guest.kind === 'silent') return undefined;
    else if (!(await source.reconnect(move.timings.reconnectMs, move.force))) return undefined;
    await wake.wait(pollMs / 4, move.force);
  }
}

/** Set the source's capabilities and parameters back to what they were before. */
async function restore(move: Move, { source }: Sides, plan: Plan): Promise<void> {
  if (!move.done.sourceSet) return;
  const options = { signal: move.force };
  const capabilities = plan.sourceCapabilities.map((capability) => ({ capability, state: false }));
  await tell(move, source.client.execute('migrate-set-capabilities', { capabilities }, options));
  await tell(move, source.client.execute('migrate-set-parameters', plan.formerParameters, options));
}

/**
 * What the guest at the source goes on without. Some back ends take it for their end that they have given their state away,
 * before it is known whether the destination could load it.
 */
async function lostBackEnds(move: Move, { source }: Sides): Promise<string[]> {
  if (!move.done.migrating) return [];
  const options = { deadlineMs: move.timings.silenceMs, signal: move.force };
  try {
    const chardevs = await source.client.execute('query-chardev', {}, options);
    return chardevs.flatMap(({ label, filename }) => {
      const path = /^disconnected:unix:([^,]+)$/.exec(filename)?.[1];
      if (path === undefined) return [];
      return [
        `The guest has lost what was behind ${label} (${path}): start that again. A chardev with reconnect-ms connects by itself; without, start the VM anew`,
      ];
    });
  } catch (error) {
    if (refusal(error) === undefined && !(error instanceof QmpUnansweredError)) throw error;
    move.note(asError(error).message);
    return [];
  }
}

async function lostWhileUndoing(move: Move, sides: Sides, cause: Cause): Promise<Ending> {
  const { source, destination } = sides;
  if (!(await source.hasEnded()))
    return lostInSwitchover(sides, `${cause.text}; ${source.name} does not answer`);
  const there = await lookAtMigration(destination, move.timings.goMs, move.force);
  const status = there.kind === 'answer' ? there.value.status : undefined;
  const ending = lostInSwitchover(sides, `${cause.text}; the process of ${source.name} has ended`);
  if (status !== 'completed') return ending;
  return {
    ...ending,
    nextSteps: [`${destination.name} holds the whole guest, stopped: send cont there`, ...ending.nextSteps],
  };
}

async function lostForGood(sides: Sides, cause: Cause): Promise<Ending> {
  const { source } = sides;
  if (!(await source.hasEnded()))
    return lostBeforeSwitchover(sides, `${cause.text}; ${source.name} does not answer`);
  return {
    outcome: 'failed',
    code: 'source-died',
    why: `${cause.text}; the process of ${source.name} has ended, with the guest: it runs nowhere`,
    guestAt: 'nowhere',
    nextSteps: ['Find out why the source process ended, then start the VM anew from its disks'],
  };
}

function atSource(
  move: Move,
  { source, destination }: Sides,
  plan: Plan,
  cause: Cause,
  state: string,
  shut: Shut,
): Ending {
  const steps: Record<Shut, string[]> = {
    'left-waiting': [`${destination.name} still waits for a guest, which it will not start by itself`],
    gone: ['Start the destination anew before you try again'],
    told: ['Start the destination anew before you try again'],
    unreachable: [
      `${destination.name} could not be told to quit: end its process. It was never told to start the guest`,
    ],
  };
  const asBefore = plan.live ? state === 'running' || state === 'suspended' : true;
  if (!asBefore)
    return {
      outcome: 'failed',
      code: cause.code,
      why: `${cause.text}. The guest is at the source, stopped (${state}), and did not start again`,
      guestAt: 'source',
      guestState: state,
      nextSteps: [`Look at ${source.name} and send cont`, ...steps[shut]],
    };
  const wanted = cause.wanted === true;
  return {
    outcome: wanted ? 'cancelled' : 'rolled-back',
    code: cause.code,
    why: `${cause.text}. The guest is at the source, seen ${state}${move.done.migrating ? '' : '; no copy was begun'}`,
    guestAt: 'source',
    guestState: state,
    nextSteps: steps[shut],
  };
}
