import { setTimeout as delay } from 'node:timers/promises';
import { asError } from '../errors.ts';
import { QmpUnansweredError } from '../qmp/index.ts';
import { fence, thaw, unfit } from './back-ends.ts';
import { lookAtGuest, lookAtMigration, refusal } from './look.ts';
import { type Cause, type Move, type NextPhase, now, type Sides } from './move.ts';
import type { Plan } from './plan.ts';
import { lostInCommit } from './unknown.ts';
import type { Ending } from './verdict.ts';
import { Wake } from './wake.ts';

const LIVE: readonly string[] = ['running', 'suspended'];

/**
 * The whole guest is at the destination and stopped on both sides. Start it there, once, and see it run. As long as `cont`
 * was not sent the way back is open; once it was, the source is never started again.
 */
export async function commit(move: Move, sides: Sides, plan: Plan, proof: string): Promise<NextPhase> {
  const against = await notReady(move, sides, plan);
  if (against !== undefined) return { name: 'roll-back', sides, plan, cause: against };
  if (!plan.live) return await moved(move, sides, plan, proof, await stateAt(move, sides));
  using _wake = new Wake(sides.destination, (name, seconds) => {
    if (name === 'RESUME') move.started ??= now(seconds);
  });
  const outcome = await start(move, sides);
  switch (outcome.kind) {
    case 'runs':
      return await moved(move, sides, plan, proof, outcome.state);
    case 'refused':
      return { name: 'roll-back', sides, plan, cause: { code: 'cont-refused', text: outcome.text } };
    case 'lost':
      return { name: 'ended', ending: lostInCommit(sides, outcome.text) };
  }
}

/** Whether the destination has everything and waits. It was told nothing yet, so any doubt leads back. */
async function notReady(move: Move, { destination }: Sides, plan: Plan): Promise<Cause | undefined> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const [migration, guest, backEnd] = await Promise.all([
      lookAtMigration(destination, move.timings.silenceMs, move.force),
      lookAtGuest(destination, move.timings.silenceMs, move.force),
      unfit(move, plan.destinationBackEnds),
    ]);
    if (migration.kind === 'answer' && guest.kind === 'answer') {
      if (migration.value.status === 'completed' && guest.value.status !== 'inmigrate')
        return backEnd === undefined ? undefined : { code: 'destination-back-end', text: backEnd };
      const because = migration.value['error-desc'] ?? `it is ${guest.value.status}`;
      return { code: 'destination-not-ready', text: `The destination has not taken the guest: ${because}` };
    }
    const lost = migration.kind === 'lost' || guest.kind === 'lost';
    if (!lost || !(await destination.reconnect(move.timings.reconnectMs, move.force)))
      return {
        code: `destination-${lost ? 'lost' : 'silent'}`,
        text: `The monitor of ${destination.name} ${lost ? 'has gone' : 'does not answer'}, before it was told to start the guest`,
      };
  }
  return { code: 'destination-lost', text: `The monitor of ${destination.name} keeps going away` };
}

type Start =
  | { readonly kind: 'runs'; readonly state: string }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'lost'; readonly text: string };

/** Send `cont` until it is known what became of it: a second one does no harm to a guest that runs already. */
async function start(move: Move, sides: Sides): Promise<Start> {
  const { destination } = sides;
  const until = performance.now() + move.timings.giveUpMs;
  move.done.cont = 'sent';
  while (performance.now() < until && !move.force.aborted) {
    try {
      const deadlineMs = Math.max(1, until - performance.now());
      await destination.client.execute('cont', {}, { deadlineMs, signal: move.force });
      return await seeItRun(move, sides, until);
    } catch (error) {
      const text = refusal(error);
      if (text !== undefined) return await judgeRefusal(move, sides, text);
      if (!(error instanceof QmpUnansweredError)) throw error;
      if (error.why !== 'closed') break;
      if (!(await destination.reconnect(move.timings.reconnectMs, move.force)))
        return { kind: 'lost', text: `The monitor of ${destination.name} has gone` };
    }
  }
  return { kind: 'lost', text: `The monitor of ${destination.name} does not answer` };
}

/** QEMU took `cont`: from here on the guest is the destination's, whatever state it is in. */
async function seeItRun(move: Move, { destination }: Sides, until: number): Promise<Start> {
  move.done.cont = 'done';
  const { confirmMs, reconnectMs, pollMs } = move.timings;
  const confirmBy = Math.min(until, performance.now() + confirmMs);
  for (;;) {
    const guest = await lookAtGuest(destination, confirmMs, move.force);
    if (guest.kind === 'answer') {
      const state = guest.value.status;
      if (LIVE.includes(state) || performance.now() > confirmBy) {
        move.started ??= now();
        return { kind: 'runs', state };
      }
    } else if (guest.kind === 'silent' || !(await destination.reconnect(reconnectMs, move.force)))
      return { kind: 'lost', text: guest.text };
    await delay(pollMs / 10);
  }
}

/** QEMU refuses `cont` when it cannot take the disks: then the guest has not run there, which is looked at once more. */
async function judgeRefusal(move: Move, { destination }: Sides, text: string): Promise<Start> {
  const guest = await lookAtGuest(destination, move.timings.silenceMs, move.force);
  if (guest.kind !== 'answer') return { kind: 'lost', text: `${text}, and then ${asText(guest.text)}` };
  if (guest.value.running) return { kind: 'runs', state: guest.value.status };
  move.done.cont = 'refused';
  return { kind: 'refused', text };
}

function asText(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

async function stateAt(move: Move, { destination }: Sides): Promise<string> {
  const guest = await lookAtGuest(destination, move.timings.silenceMs, move.force);
  return guest.kind === 'answer' ? guest.value.status : 'unknown';
}

async function moved(
  move: Move,
  { source, destination }: Sides,
  plan: Plan,
  proof: string,
  state: string,
): Promise<NextPhase> {
  await fence(move, plan.sourceBackEnds);
  await thaw(move, plan);
  move.done.cont = plan.live ? 'done' : 'never';
  const healthy = plan.live ? LIVE.includes(state) : true;
  const ending: Ending = {
    outcome: 'moved',
    why: plan.live
      ? `The guest is at the destination (${state}): ${proof}`
      : `The guest is at the destination, ${state} as it was: ${proof}`,
    guestAt: 'destination',
    guestState: state,
    nextSteps: [
      ...(healthy ? [] : [`The guest was started and is now ${state}: look at ${destination.name}`]),
      `Quit ${source.name}: its guest is stopped (postmigrate) and must not be started again`,
    ],
  };
  return { name: 'ended', ending };
}

/** What a step that should not have failed says. */
export function unexpected(error: unknown): Cause {
  const text = refusal(error);
  return text === undefined
    ? { code: 'internal', text: `Unexpected: ${asError(error).message}` }
    : { code: 'command-refused', text };
}
