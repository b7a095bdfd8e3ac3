import { asError } from '../errors.ts';
import { formatQmpAddress, parseQmpAddress, QmpConnectError } from '../qmp/index.ts';
import { gatherFacts } from './facts.ts';
import type { Move, NextPhase, Sides } from './move.ts';
import { describePlan, makePlan } from './plan.ts';
import { type Finding, refuse } from './precheck/finding.ts';
import { runChecks } from './precheck/run.ts';
import { oneForBoth } from './precheck/two-sides.ts';
import { Side } from './side.ts';
import type { Ending } from './verdict.ts';

/** Connect to both monitors. What cannot be reached refuses the move. */
export async function connect(move: Move): Promise<{ sides: Sides } | { ending: Ending }> {
  const { source, destination } = move.options;
  if (isSame(source, destination)) return { ending: refused(move, [oneForBoth(source)]) };
  const attempts = await Promise.allSettled([
    Side.connect('source', source, move.timings, move.cancel),
    Side.connect('destination', destination, move.timings, move.cancel),
  ]);
  const [here, there] = attempts;
  if (here.status === 'fulfilled' && there.status === 'fulfilled')
    return { sides: { source: here.value, destination: there.value } };
  for (const attempt of attempts)
    if (attempt.status === 'fulfilled') await attempt.value[Symbol.asyncDispose]();
  if (move.cancel.aborted) return { ending: nothingDone() };
  const findings = attempts.flatMap((attempt, index) =>
    attempt.status === 'fulfilled'
      ? []
      : [unreachable(index === 0 ? 'source' : 'destination', attempt.reason)],
  );
  return { ending: refused(move, findings) };
}

/** A monitor serves one client: the second connection would wait for the first. */
function isSame(source: string, destination: string): boolean {
  try {
    return formatQmpAddress(parseQmpAddress(source)) === formatQmpAddress(parseQmpAddress(destination));
  } catch (error) {
    // Connecting says what is wrong with an address.
    if (error instanceof QmpConnectError) return false;
    throw error;
  }
}

function unreachable(role: string, reason: unknown): Finding {
  return refuse(
    'monitor',
    `${asError(reason).message}`,
    `a monitor of the ${role}`,
    'Start QEMU with -qmp unix:PATH,server=on,wait=off, and close other clients of that monitor',
  );
}

/** Ask both sides and judge. Touches nothing. */
export async function check(move: Move, sides: Sides): Promise<NextPhase> {
  const [source, destination] = await Promise.all([
    gatherFacts(sides.source, move.backEnds, move.cancel),
    gatherFacts(sides.destination, move.backEnds, move.cancel),
  ]);
  const local = source.pid !== undefined && destination.pid !== undefined;
  move.local = local;
  const facts = { source, destination, local, uri: move.options.uri };
  const findings = runChecks(facts);
  if (findings.some(({ verdict }) => verdict === 'refuse'))
    return { name: 'ended', ending: refused(move, findings) };
  show(move, findings);
  const plan = makePlan(facts, move.options);
  move.emit({ type: 'plan', steps: describePlan(plan) });
  if (move.cancel.aborted) return { name: 'ended', ending: nothingDone() };
  if (move.options.dryRun !== true) return { name: 'prepare', sides, plan };
  return {
    name: 'ended',
    ending: {
      outcome: 'planned',
      why: `Nothing forbids the move${warnings(findings)}; nothing was touched`,
      guestAt: 'source',
      guestState: plan.state,
      nextSteps: ['Run the same command without --dry-run'],
    },
  };
}

function warnings(findings: readonly Finding[]): string {
  const count = findings.filter(({ verdict }) => verdict === 'warn').length;
  return count === 0 ? '' : `, ${count === 1 ? 'one check warns' : `${count} checks warn`}`;
}

function show(move: Move, findings: readonly Finding[]): void {
  move.findings = findings;
  for (const finding of findings) move.emit({ type: 'check', ...finding });
}

function refused(move: Move, findings: readonly Finding[]): Ending {
  show(move, findings);
  const against = findings.filter(({ verdict }) => verdict === 'refuse');
  return {
    outcome: 'refused',
    code: `refused-${against[0]?.id ?? 'check'}`,
    why: `${against.map(({ found }) => found).join('; ')}. Nothing was touched`,
    guestAt: against.some(({ id }) => id === 'monitor') ? 'unknown' : 'source',
    nextSteps: [...new Set(against.flatMap(({ remedy }) => remedy ?? []))],
  };
}

/** How a move ends that was cancelled before it touched anything. */
export function nothingDone(): Ending {
  return {
    outcome: 'cancelled',
    code: 'cancelled',
    why: 'Cancelled before anything was touched',
    guestAt: 'source',
    nextSteps: [],
  };
}
