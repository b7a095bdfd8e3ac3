/** Rules between parameters: the boxes that they become allow what the rule says, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseInfo, readInfo, type Value } from '../../../src/compat/index.ts';
import { holds } from '../../../src/compat/rules.ts';
import { type Json, object } from '../../support/compat/documents.ts';

/** Parameters with few values, of which one takes any text. */
const PARAMS = {
  rss: { type: 'bool', init_value: true, off_value: false },
  q: { type: 'int', init_value: 1, allowed_values: ['0-2', 5] },
  fmt: { type: 'str', init_value: 'a', allowed_values: ['a', 'b', 'c'] },
  tag: { type: 'str', init_value: 'a' },
  ring: { type: 'int', init_value: 1 },
};
const VALUES: Readonly<Record<keyof typeof PARAMS, readonly Value[]>> = {
  rss: [true, false],
  q: [0n, 1n, 2n, 5n],
  fmt: ['a', 'b', 'c'],
  tag: ['a', 'b', 'other'],
  ring: [0n, 1n, 7n],
};
const ENTRIES: Readonly<Record<keyof typeof PARAMS, readonly Json[]>> = {
  rss: [true, false],
  q: [0, 1, '1-2', 5, '2-9', 7],
  fmt: ['a', 'b', 'z'],
  tag: ['a', 'b'],
  ring: [0, 1, '0-3', '18446744073709551615'],
};
const NAMES = Object.keys(PARAMS) as (keyof typeof PARAMS)[];

type BoxDocument = readonly (readonly [name: keyof typeof PARAMS, entries: readonly Json[]])[];
type Rule =
  | { readonly condition: BoxDocument; readonly demand: BoxDocument }
  | { readonly any: readonly BoxDocument[] };

const boxes: fc.Arbitrary<BoxDocument> = fc
  .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .chain((names) =>
    fc
      .tuple(...names.map((name) => fc.uniqueArray(fc.constantFrom(...ENTRIES[name]), { minLength: 1 })))
      .map((lists) => names.map((name, i) => [name, lists[i]!] as const)),
  );
const rules: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({ condition: boxes, demand: boxes }),
  fc.record({ any: fc.array(boxes, { minLength: 1, maxLength: 3 }) }),
);

function ruleDocument(rule: Rule): Json {
  if ('any' in rule) return { any: rule.any.map(object) };
  return object([
    ['if', object(rule.condition)],
    ['then', object(rule.demand)],
  ]);
}

/** What a list of values means, taken literally. */
function lists(entries: readonly Json[], value: Value): boolean {
  return entries.some((entry) => {
    if (typeof value !== 'bigint') return entry === value;
    const [min = '', max = min] = String(entry).split('-');
    return BigInt(min) <= value && value <= BigInt(max);
  });
}

function keeps(rule: Rule, values: ReadonlyMap<string, Value>): boolean {
  const inside = (box: BoxDocument): boolean =>
    box.every(([name, entries]) => lists(entries, values.get(name)!));
  return 'any' in rule ? rule.any.some(inside) : !inside(rule.condition) || inside(rule.demand);
}

test('a rule allows what it says, for all values that are allowed', () => {
  const assignments = NAMES.reduce<(readonly [string, Value])[][]>(
    (sofar, name) => sofar.flatMap((one) => VALUES[name].map((value) => [...one, [name, value] as const])),
    [[]],
  ).map((entries) => new Map(entries));
  fc.assert(
    fc.property(rules, (rule) => {
      const text = JSON.stringify({
        models: { 'a.com/x': { params: PARAMS, 'x-constraints': [ruleDocument(rule)] } },
      });
      const [constraint] = parseInfo(text).models.get('a.com/x')!.constraints;
      for (const values of assignments)
        assert.equal(
          holds(constraint!, (name) => values.get(name)),
          keeps(rule, values) ? 'yes' : 'no',
        );
    }),
    { numRuns: 60 },
  );
});

test('a rule of 256 cases is evaluated, beyond it is not', () => {
  for (const [cases, beyond] of [
    [256, false],
    [257, true],
  ] as const) {
    const any = Array.from({ length: cases }, (_, i) => ({ ring: [i] }));
    const { info, findings } = readInfo(
      JSON.stringify({ models: { 'a.com/x': { params: PARAMS, 'x-constraints': [{ any }] } } }),
    );
    const [constraint] = info!.models.get('a.com/x')!.constraints;
    assert.equal(constraint!.boxes === 'beyond', beyond);
    assert.deepEqual(
      findings.map(({ code }) => code),
      beyond ? ['rule-beyond'] : [],
    );
    assert.equal(
      holds(constraint!, () => 7n),
      beyond ? 'unproven' : 'yes',
    );
  }
});
