/** What keeps implementations from agreeing. */
import { holds } from '../rules.ts';
import { formatValue } from '../value.ts';
import type { Reason, ReasonCode } from '../verdict.ts';
import { disputed } from './agreement.ts';
import { needsVersion, valueIn } from './candidates.ts';
import type { Column, Member } from './column.ts';
import type { Covered } from './cover.ts';
import type { Field } from './field.ts';
import { rulesOf, type Settled } from './settle.ts';
import { nameSome } from './text.ts';

/** Why not all implementations can be suited. Values are texts (`formatValue`). */
export interface Culprit {
  /**
   * `value`: no value suits all; `missing`: some have no such parameter, and others cannot switch it off; `off-value-differs`:
   * they switch it off by different values; `type`: it has different types; `constraint`: what suits the others
   * breaks a rule; `version`: they have no version in common.
   */
  readonly kind: 'value' | 'missing' | 'off-value-differs' | 'type' | 'constraint' | 'version';
  /** The parameter; absent where it is a rule or a version. */
  readonly parameter?: string;
  /** The value that most take; absent where most go without the parameter. */
  readonly bestValue?: string;
  /** How many take it. */
  readonly covered: number;
  readonly total: number;
  /** Ids of those who do not take it, sorted. */
  readonly leaveOut: readonly string[];
  /** One sentence for people. */
  readonly message: string;
}

/** What keeps the members of `field` from agreeing; for a rule or a version, those who are not among `kept`. */
export function culpritsOf(field: Field, kept: ReadonlySet<Member>, settled: Settled | undefined): Culprit[] {
  if (kept.size === field.members.length) return [];
  const bests = new Map(disputed(field).map((column) => [column, field.coverOf(column).best()]));
  if (bests.size === 0) return ofOffers(field, kept, settled);
  const refusing = field.refusing(new Map([...bests].map(([column, { entry }]) => [column, entry])));
  return [...bests].map(([column, best]) => ofColumn(field, column, best, refusing.get(column) ?? []));
}

function ofColumn(
  field: Field,
  column: Column,
  { entry, count: covered }: Covered,
  leaveOut: readonly string[],
): Culprit {
  const best = valueIn(entry);
  const total = field.ids.length;
  const kind = kindOf(column);
  const value = best === undefined ? undefined : formatValue(best);
  const most = value === undefined ? 'going without it' : `${column.name}=${value}`;
  return {
    kind,
    parameter: column.name,
    ...(value === undefined ? {} : { bestValue: value }),
    covered,
    total,
    leaveOut,
    message: `${column.name}: ${WHY[kind]}; ${most} suits ${covered} of ${total}, all but ${nameSome(leaveOut)}`,
  };
}

const WHY: Readonly<Record<Culprit['kind'], string>> = {
  value: 'no value suits all',
  missing: 'some have no such parameter, and others cannot switch it off',
  'off-value-differs': 'not all switch it off by the same value',
  type: 'not all give it the same type',
  constraint: 'what suits the others breaks this rule',
  version: 'no version suits all',
};

function kindOf({ opinions, absent }: Column): Culprit['kind'] {
  if (new Set(opinions.map(({ parameter }) => parameter.type)).size > 1) return 'type';
  const offs = new Set(opinions.map(({ parameter }) => parameter.off));
  if (absent > 0 && offs.has(undefined)) return 'missing';
  offs.delete(undefined);
  return offs.size > 1 ? 'off-value-differs' : 'value';
}

/** Where each parameter could suit all: it is the rules between them, or versions. */
function ofOffers(field: Field, kept: ReadonlySet<Member>, settled: Settled | undefined): Culprit[] {
  const left = field.members.filter((member) => !kept.has(member));
  const chosen = (name: string) => settled?.values.get(name)?.value;
  const rules = rulesOf(field)
    .filter((rule) => holds(rule, chosen) === 'no')
    .map(({ text }) => {
      const having = left.filter(({ variant }) =>
        variant.offer.constraints.some((rule) => rule.text === text),
      );
      return ofSome(field, 'constraint', new Set(having), text);
    });
  if (rules.length > 0 && !left.some(needsVersion)) return rules;
  const version = settled?.candidate.version;
  const culprit = ofSome(field, 'version', new Set(left), version ?? 'Versions');
  return [...rules, version === undefined ? culprit : { ...culprit, bestValue: version }];
}

function ofSome(
  field: Field,
  kind: 'constraint' | 'version',
  left: ReadonlySet<Member>,
  what: string,
): Culprit {
  const total = field.ids.length;
  const leaveOut = field.idsOf((member) => left.has(member));
  const covered = total - leaveOut.length;
  const message = `${what}: ${WHY[kind]}; it suits ${covered} of ${total}, all but ${nameSome(leaveOut)}`;
  return { kind, covered, total, leaveOut, message };
}

const CODES: Readonly<Record<Culprit['kind'], ReasonCode>> = {
  value: 'value',
  missing: 'unknown-parameter',
  'off-value-differs': 'off-value-differs',
  type: 'type',
  constraint: 'constraint',
  version: 'version',
};

/** `culprit` as a reason for an answer of no; unproven where the search came to its limit before it came to an end. */
export function reasonOf(culprit: Culprit, beyond: boolean): Reason {
  const { kind, parameter, bestValue, leaveOut, message } = culprit;
  return {
    code: beyond ? 'constraint-beyond' : CODES[kind],
    answer: beyond ? 'unproven' : 'no',
    ...(parameter === undefined ? {} : { parameter }),
    ...(bestValue === undefined ? {} : { want: bestValue }),
    where: nameSome(leaveOut),
    message,
    remedy: `Leave out ${nameSome(leaveOut)}`,
  };
}
