import { CompatError } from '../errors.ts';
import { listOf, type MigrationList } from '../list.ts';
import type { Assignment } from '../model.ts';
import { formatValue } from '../value.ts';
import { type Answer, answerOf, type Reason } from '../verdict.ts';
import { takers } from './candidates.ts';
import type { Member } from './column.ts';
import { type Culprit, culpritsOf, reasonOf } from './culprits.ts';
import { Field } from './field.ts';
import { type GivenUp, givenUpBy } from './given-up.ts';
import { plan } from './plan.ts';
import type { Pool } from './pool.ts';
import type { Preferred, Rule } from './preference.ts';
import type { Settled } from './settle.ts';
import { unprovenOf } from './unproven.ts';

/** Which implementations a choice has to suit. */
export interface ChoicePolicy {
  /** Only these of the pool; all of it where it is left out. */
  readonly ids?: Iterable<string>;
  /** So many of them are enough: the more modern a list the better, as long as so many take it. All where it is left out. */
  readonly atLeast?: number;
}

/** What one parameter was chosen to be. Values are texts (`formatValue`). */
export interface Chosen {
  readonly parameter: string;
  readonly value: string;
  readonly rule: Rule;
  /** Why it is this value: one sentence for people. */
  readonly message: string;
}

/**
 * Parameters for a new device that can move between implementations. The same set of implementations always gives the same
 * choice, in whatever order they came into the pool.
 */
export interface Choice {
  /** The device model string. */
  readonly model: string;
  /** no: not all, or not as many as the policy asks for, take one list. The rest then says the best that can be had. */
  readonly answer: Answer;
  /** What speaks against an answer of yes. */
  readonly reasons: readonly Reason[];
  /** How many implementations were asked. */
  readonly total: number;
  /**
   * The list of the new device, which all of `kept` take, and which it has at each of them; undefined where there is
   * nothing that even one takes.
   */
  readonly list: MigrationList | undefined;
  /**
   * The value of every parameter that one of them has, the off value of those that are not in the list; empty where a
   * version alone says what the device is. Sorted by name.
   */
  readonly assignment: Assignment | undefined;
  /** The profile or version that all of `kept` have and that says the same. */
  readonly version: string | undefined;
  readonly chosen: readonly Chosen[];
  /** What the most modern implementations would have had, and which others it was given up for. */
  readonly givenUp: readonly GivenUp[];
  /** Why not all can be suited. */
  readonly culprits: readonly Culprit[];
  /** Ids of implementations that take the list, sorted. */
  readonly kept: readonly string[];
  /** Ids of all others, sorted. */
  readonly leaveOut: readonly string[];
}

/**
 * Chooses the parameters of a new device, so that it can move between the implementations in `pool`. Where no list suits all of
 * them it says which parameters are to blame, and what to do without the fewest of them. Time grows with the number of
 * implementations and with what they say, not with the number of pairs. Throws `ERR_COMPAT_ARGUMENT` where the policy
 * names an id that is not in the pool, or asks for none or for more than there are.
 */
export function choose(pool: Pool, policy: ChoicePolicy = {}): Choice {
  const field = new Field(pool, policy.ids);
  const total = field.ids.length;
  const needed = policy.atLeast ?? total;
  if (!Number.isSafeInteger(needed) || needed < 1 || needed > total)
    throw new CompatError(
      'ERR_COMPAT_ARGUMENT',
      'atLeast',
      `asks for ${needed} of ${total} implementations, expected at least one and at most all`,
    );
  const { settled, beyond } = plan(field, needed);
  const members = settled === undefined ? new Set<Member>() : takers(field, settled.candidate);
  const kept = field.part(members);
  const culprits = culpritsOf(field, members, settled);
  const unproven =
    settled === undefined || settled.candidate.version !== undefined ? [] : unprovenOf(kept, settled);
  const short = kept.ids.length < needed;
  const reasons = [...(short ? culprits.map((culprit) => reasonOf(culprit, beyond)) : []), ...unproven];
  const values = settled?.values ?? new Map<string, Preferred>();
  return {
    model: pool.model,
    answer: answerOf(reasons),
    reasons,
    total,
    list: settled && listFor(pool.model, settled),
    assignment: settled && new Map([...values].map(([name, { value }]) => [name, value])),
    version: settled?.candidate.version,
    chosen: [...values].map(([parameter, { value, rule, message }]) => ({
      parameter,
      value: formatValue(value),
      rule,
      message,
    })),
    givenUp: settled === undefined ? [] : givenUpBy(kept, settled),
    culprits,
    kept: kept.ids,
    leaveOut: field.idsOf((member) => !members.has(member)),
  };
}

function listFor(model: string, { candidate: { entries, version } }: Settled): MigrationList {
  const parameters: [string, string][] = [];
  for (const [name, { value }] of entries ?? [])
    if (value !== undefined) parameters.push([name, formatValue(value)]);
  return listOf(model, version, parameters);
}
