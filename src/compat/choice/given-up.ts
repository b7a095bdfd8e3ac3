/** What a choice costs: what the most modern implementations would have had. */
import { formatValue, type Value } from '../value.ts';
import { takes } from './common.ts';
import type { Column, Field } from './field.ts';
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
  return field.columns.flatMap((column) => {
    const chosen = values.get(column.name);
    if (chosen === undefined || chosen.rule === 'prefer') return [];
    const leader = field.order.find((member) => field.parameterOf(member, column) !== undefined);
    const parameter = leader && field.parameterOf(leader, column);
    if (parameter === undefined || parameter.init === chosen.value) return [];
    return [givenUp(field, column, parameter.init, parameter.off, chosen)];
  });
}

function givenUp(
  field: Field,
  column: Column,
  value: Value,
  off: Value | undefined,
  { value: chosen, rule }: Preferred,
): GivenUp {
  const entry = field.coverOf(column).entryOf(value, off);
  const because = field.idsOf((member) => !takes(field.parameterOf(member, column), entry));
  const others =
    rule === 'profile' ? 'the profile has another value' : 'a rule between parameters forbids it';
  const verb = because.length === column.absent && entry.value !== undefined ? 'lack' : 'refuse';
  const why =
    because.length === 0 ? others : `${nameSome(because)} ${verb}${because.length === 1 ? 's' : ''} it`;
  return {
    parameter: column.name,
    value: formatValue(value),
    chosen: formatValue(chosen),
    because,
    message: `${column.name}=${formatValue(chosen)} and not ${formatValue(value)}: ${why}`,
  };
}
