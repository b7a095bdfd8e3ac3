/** What of a choice its implementations do not say for certain. */
import { formatValue } from '../value.ts';
import type { Reason } from '../verdict.ts';
import type { Field } from './field.ts';
import type { Settled } from './settle.ts';
import { nameSome } from './text.ts';

/** Values that members do not say whether they take, and rules of theirs that are beyond what is evaluated. */
export function unprovenOf(field: Field, { values }: Settled): Reason[] {
  const reasons: Reason[] = [];
  for (const column of field.columns) {
    const value = values.get(column.name)?.value;
    if (value === undefined || !column.opinions.some(({ parameter }) => parameter.domain.kind === 'any'))
      continue;
    const ids = field.idsOf((member) => {
      const parameter = field.parameterOf(member, column);
      return parameter?.domain.kind === 'any' && value !== parameter.init && value !== parameter.off;
    });
    if (ids.length === 0) continue;
    reasons.push({
      code: 'any-value',
      answer: 'unproven',
      parameter: column.name,
      have: formatValue(value),
      where: nameSome(ids),
      message: `${nameSome(ids)} may refuse ${column.name}=${formatValue(value)}: not said what is taken`,
    });
  }
  const beyond = new Map<string, Set<unknown>>();
  for (const member of field.members)
    for (const { boxes, text } of member.variant.offer.constraints)
      if (boxes === 'beyond') beyond.set(text, (beyond.get(text) ?? new Set()).add(member));
  for (const [text, members] of [...beyond].sort()) {
    const where = nameSome(field.idsOf((member) => members.has(member)));
    const message = `The rule ${text} of ${where} goes beyond what is evaluated`;
    reasons.push({ code: 'constraint-beyond', answer: 'unproven', where, message });
  }
  return reasons;
}
