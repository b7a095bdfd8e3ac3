import { asError } from '../errors.ts';
import { check, connect, nothingDone } from './check.ts';
import { commit, unexpected } from './commit.ts';
import { Move, type NextPhase, type Phase } from './move.ts';
import type { MigrateOptions } from './options.ts';
import { preCopy } from './pre-copy.ts';
import { PrivateFolder, prepare } from './prepare.ts';
import { rollBack } from './roll-back.ts';
import { switchOver } from './switchover.ts';
import { failedToUndo, lostInCommit } from './unknown.ts';
import type { Ending, Verdict } from './verdict.ts';

/**
 * Move the guest of one QEMU to another, from the first question to the verdict. At any time at most one of them runs it.
 * Never throws for what a peer does: everything that can happen to a move is a verdict.
 */
export async function migrate(options: MigrateOptions): Promise<Verdict> {
  const move = new Move(options);
  await using folder = new PrivateFolder();
  let phase: Phase = { name: 'connect' };
  move.announce(phase);
  const connected = await connect(move);
  if ('ending' in connected) {
    move.enter(phase, { name: 'ended', ending: connected.ending });
    return move.verdict(connected.ending);
  }
  await using source = connected.sides.source;
  await using destination = connected.sides.destination;
  let next: NextPhase = { name: 'check', sides: { source, destination } };
  for (;;) {
    move.enter(phase, next);
    phase = next;
    if (phase.name === 'ended') return move.verdict(phase.ending);
    next = await step(move, phase, folder);
  }
}

type Step = Exclude<NextPhase, { name: 'ended' }>;

/** Carry one phase out. What nobody foresaw is answered by the safest way out of that phase. */
async function step(move: Move, phase: Step, folder: PrivateFolder): Promise<NextPhase> {
  const { sides } = phase;
  try {
    switch (phase.name) {
      case 'check':
        return await check(move, sides);
      case 'prepare':
        return await prepare(move, sides, phase.plan, folder);
      case 'pre-copy':
        return await preCopy(move, sides, phase.plan);
      case 'switchover':
        return await switchOver(move, sides, phase.plan);
      case 'commit':
        return await commit(move, sides, phase.plan, phase.proof);
      case 'roll-back':
        return { name: 'ended', ending: await rollBack(move, sides, phase.plan, phase.cause) };
    }
  } catch (error) {
    return wayOut(move, phase, error);
  }
}

function wayOut(move: Move, phase: Step, error: unknown): NextPhase {
  const { sides } = phase;
  switch (phase.name) {
    case 'check':
      return { name: 'ended', ending: move.cancel.aborted ? nothingDone() : notChecked(error) };
    case 'prepare':
    case 'pre-copy':
    case 'switchover':
      return { name: 'roll-back', sides, plan: phase.plan, cause: unexpected(error) };
    case 'commit':
      return move.done.cont === 'never'
        ? { name: 'roll-back', sides, plan: phase.plan, cause: unexpected(error) }
        : { name: 'ended', ending: lostInCommit(sides, unexpected(error).text) };
    case 'roll-back':
      return { name: 'ended', ending: failedToUndo(sides, `${phase.cause.text}; ${unexpected(error).text}`) };
  }
}

function notChecked(error: unknown): Ending {
  return {
    outcome: 'refused',
    code: 'refused-unreadable',
    why: `A side could not be asked what it is: ${asError(error).message}. Nothing was touched`,
    guestAt: 'unknown',
    nextSteps: ['See that both monitors answer query-status, then try again'],
  };
}
