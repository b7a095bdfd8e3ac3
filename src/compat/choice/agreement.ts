/** About which parameters implementations agree. */
import { compareBytes } from '../value.ts';
import { needsVersion } from './candidates.ts';
import type { Column, Member } from './column.ts';
import { agree, type Common, join, NOTHING } from './common.ts';
import type { Field } from './field.ts';

/** The columns about which the members cannot agree. */
export function disputed(field: Field): Column[] {
  return field.columns.filter((column) => {
    const common = commonOf(column);
    return common === undefined || !agree(common);
  });
}

/** What all have in common about one parameter; undefined where they can never agree. */
export function commonOf({ opinions, absent }: Column): Common | undefined {
  let common: Common | undefined = { ...NOTHING, absent: absent > 0 };
  for (const { parameter } of opinions) if (common !== undefined) common = join(common, parameter);
  return common;
}

/**
 * `kept`, and every other member that still agrees with all of them about each parameter: larger ones first, then by
 * their first ids.
 */
export function grown(field: Field, kept: ReadonlySet<Member>): Set<Member> {
  const members = new Set(kept);
  let commons = field.columns.map((column) => {
    const said = new Set([...kept].map((member) => field.parameterOf(member, column)));
    let common = NOTHING;
    for (const parameter of said) common = join(common, parameter) ?? common;
    return common;
  });
  const others = field.members
    .filter((member) => !kept.has(member) && !needsVersion(member))
    .sort((a, b) => b.count - a.count || compareBytes(a.first, b.first));
  for (const member of others) {
    const wider = [];
    for (const [i, column] of field.columns.entries()) {
      const common = join(commons[i]!, field.parameterOf(member, column));
      if (common === undefined || !agree(common)) break;
      wider.push(common);
    }
    if (wider.length < commons.length) continue;
    commons = wider;
    members.add(member);
  }
  return members;
}
