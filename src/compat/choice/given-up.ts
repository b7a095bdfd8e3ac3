/** What a choice costs: what the most modern implementations would have had. */
import { formatValue, type Value } from '../value.ts';
import type { Column, Entry } from './column.ts';
import type { Field } from './field.ts';
import type { Preferred } from './preference.ts';
import type { Settled } from './settle.ts';
import { nameSome } from './text.ts';

/** One parameter that is not what the most modern implementation starts with. Values are texts (`formatValue`). */
export interface GivenUp {
  readonly parameter: string;
  /** What the most modern implementation that has the parameter starts with. */
  readonly value: string;
  /** What was chosen. */
  readonly chosen: string;
  /** Ids of those who do not take `value`, sorted. Empty where a profile or a rule between parameters asks for another. */
  readonly because: readonly string[];
  /** One sentence for people. */
  readonly message: string;
}

/** What was given up so that all of `field` take what was settled on. What `x-prefer` asks for is not given up. */
export function givenUpBy(field: Field, { values }: Settled): GivenUp[] {
  const lost = new Map<
    Column,
    { readonly value: Value; readonly entry: Entry; readonly chosen: Preferred }
  >();
  for (const column of field.columns) {
    const chosen = values.get(column.name);
    const leader = field.order.find((member) => field.parameterOf(member, column) !== undefined);
    const parameter = leader && field.parameterOf(leader, column);
    if (chosen === undefined || chosen.rule === 'prefer' || parameter === undefined) continue;
    const { init: value, off } = parameter;
    if (value !== chosen.value)
      lost.set(column, { value, entry: field.coverOf(column).entryOf(value, off), chosen });
  }
  const refusing = field.refusing(new Map([...lost].map(([column, { entry }]) => [column, entry])));
  return [...lost].map(([column, { value, entry, chosen }]) => {
    const because = refusing.get(column) ?? [];
    const instead = `${column.name}=${formatValue(chosen.value)} and not ${formatValue(value)}`;
    const lack = entry.value !== undefined && because.length === column.absent;
    return {
      parameter: column.name,
      value: formatValue(value),
      chosen: formatValue(chosen.value),
      because,
      message: `${instead}: ${because.length > 0 ? byWhom(because, lack ? 'lack' : 'refuse') : byNobody(chosen)}`,
    };
  });
}

function byWhom(ids: readonly string[], verb: string): string {
  return `${nameSome(ids)} ${verb}${ids.length === 1 ? 's' : ''} it`;
}

function byNobody({ rule }: Preferred): string {
  return rule === 'profile' ? 'the profile has another value' : 'a rule between parameters forbids it';
}
