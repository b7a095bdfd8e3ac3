/** Documents and lists to judge, so that yes, no and unproven are all common. */
import fc from 'fast-check';
import {
  type BoxDocument,
  implies,
  type JsonValue,
  keepsRules,
  type ListDocument,
  listFor,
  type ModelDocument,
  type ParameterDocument,
  type RuleDocument,
} from './verdict-oracle.ts';

export const MODEL = 'a.com/nic';

const LARGE = '18446744073709551615';

/** Parameters by name, so that two documents often mean the same by one; the last letter tells the usual type. */
const NAMES = [
  'rss-b',
  'tso-b',
  'queues-i',
  'ring-i',
  'fmt-s',
  'größe-i',
  '\u{1f600}-b',
  '\uffee-s',
] as const;

const TYPES = { b: 'bool', i: 'int', s: 'str' } as const;

const POOLS = {
  bool: [true, false],
  int: [0, 1, 2, 3, 4, '5-7', '2-4', '64', LARGE, `9-${LARGE}`],
  str: ['', 'v1', 'v2', '-x', 'a b'],
} as const;

/** Some values that a domain which lists `entries` has. */
function valuesOf(entries: readonly JsonValue[]): JsonValue[] {
  return entries.flatMap((entry) => {
    if (typeof entry !== 'string' || !/^\d+-\d+$/.test(entry)) return entry === '64' ? [64] : [entry];
    return entry.split('-').map((text) => (text === LARGE ? text : Number(text)));
  });
}

function typeArbitrary(name: string): fc.Arbitrary<ParameterDocument['type']> {
  const usual = TYPES[name.at(-1) as keyof typeof TYPES];
  return fc.oneof({ weight: 19, arbitrary: fc.constant(usual) }, fc.constantFrom('bool', 'int', 'str'));
}

function parameterArbitrary(name: string): fc.Arbitrary<ParameterDocument> {
  return typeArbitrary(name).chain((type) =>
    fc
      .record({
        some: fc.shuffledSubarray<JsonValue>([...POOLS[type]], { minLength: 1 }),
        all: fc.double({ min: 0, max: 1, noNaN: true }).map((one) => one < 0.6),
        open: fc.nat(4).map((one) => one === 0),
        off: fc.nat(9),
        init: fc.nat(),
        live: fc.boolean(),
      })
      .map(({ some, all, open, off, init, live }) => {
        const allowed = all ? [...POOLS[type]] : some;
        const values = valuesOf(allowed);
        // Usually the same off value everywhere, where it is allowed
        const usual = valuesOf([POOLS[type][type === 'bool' ? 1 : 0]])[0]!;
        const offValue = off === 0 ? values.at(-1) : off < 8 && values.includes(usual) ? usual : undefined;
        const narrow = type === 'bool' && open && offValue === undefined;
        return {
          type,
          init_value: narrow ? values[0]! : values[init % values.length]!,
          ...(offValue === undefined ? {} : { off_value: offValue }),
          ...(open ? {} : { allowed_values: allowed }),
          ...(live ? { 'x-live': 'state' as const } : {}),
        };
      }),
  );
}

function boxArbitrary(params: Readonly<Record<string, ParameterDocument>>): fc.Arbitrary<BoxDocument> {
  const names = Object.keys(params);
  return fc
    .shuffledSubarray(names, { minLength: 1, maxLength: Math.min(2, names.length) })
    .chain((some) =>
      fc.record(
        Object.fromEntries(
          some.map((name) => [
            name,
            fc.shuffledSubarray<JsonValue>([...POOLS[params[name]!.type]], { minLength: 1 }),
          ]),
        ),
      ),
    );
}

function ruleArbitrary(params: Readonly<Record<string, ParameterDocument>>): fc.Arbitrary<RuleDocument> {
  const box = boxArbitrary(params);
  return fc.oneof(
    fc.tuple(box, box).map(([condition, demand]) => implies(condition, demand)),
    fc.record({ any: fc.array(box, { minLength: 1, maxLength: 3 }) }),
  );
}

function text(value: JsonValue): string {
  return value === true ? 'on' : value === false ? 'off' : String(value);
}

/** A value for each parameter, from what the document allows. */
export function assignmentArbitrary({ params = {} }: ModelDocument): fc.Arbitrary<Map<string, string>> {
  return fc
    .record(
      Object.fromEntries(
        Object.entries(params).map(([name, { type, init_value, off_value, allowed_values }]) => {
          const open = type === 'bool' && off_value === undefined ? [init_value] : POOLS[type];
          return [
            name,
            fc.constantFrom(...valuesOf([...(allowed_values ?? open)]), init_value, off_value ?? init_value),
          ];
        }),
      ),
    )
    .map((values) => new Map(Object.entries(values).map(([name, value]) => [name, text(value)])));
}

/** The JSON of the values in `assignment`. */
function json(params: Readonly<Record<string, ParameterDocument>>, name: string, value: string): JsonValue {
  const type = params[name]!.type;
  if (type === 'bool') return value === 'on';
  return type === 'int' && value !== LARGE ? Number(value) : value;
}

/** What a document may say of a model: parameters, versions, profiles, rules, each of them or not. */
export const modelArbitrary: fc.Arbitrary<ModelDocument> = fc
  .shuffledSubarray([...NAMES], { maxLength: 6 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, parameterArbitrary(name)]))))
  .chain((params) => {
    const model = { params };
    const none = Object.keys(params).length === 0;
    return fc
      .record({
        versions: fc.subarray(['v1', 'v2', 'v3']),
        profile: fc.option(
          fc.record({ name: fc.constantFrom('v2', 'v3'), values: assignmentArbitrary(model) }),
          { nil: undefined, freq: 2 },
        ),
        rules: none ? fc.constant<RuleDocument[]>([]) : fc.array(ruleArbitrary(params), { maxLength: 2 }),
        bare: fc.nat(5).map((one) => one === 0),
      })
      .map(({ versions, profile, rules, bare }): ModelDocument => {
        if ((bare || none) && versions.length > 0) return { versions };
        const init = new Map(
          Object.entries(params).map(([name, { init_value }]) => [name, text(init_value)]),
        );
        // What a document itself says has to keep its rules
        const kept = rules.filter((rule) =>
          [init, ...(profile ? [profile.values] : [])].every((values) =>
            keepsRules({ params, 'x-constraints': [rule] }, values),
          ),
        );
        const entries = [...(profile?.values ?? [])].map(([name, value]) => [
          name,
          json(params, name, value),
        ]);
        return {
          params,
          ...(versions.length > 0 ? { versions } : {}),
          ...(profile && !none ? { profiles: { [profile.name]: Object.fromEntries(entries) } } : {}),
          ...(kept.length > 0 ? { 'x-constraints': kept } : {}),
        };
      });
  });

/** A list that a device of `source` has (`own`), now and then one that none has. */
export function listArbitrary(source: ModelDocument): fc.Arbitrary<ListDocument & { own: boolean }> {
  return fc
    .record({
      values: assignmentArbitrary(source),
      version: fc.option(fc.constantFrom('v1', 'v2', 'v3'), { nil: undefined, freq: 2 }),
      odd: fc.oneof(
        { weight: 9, arbitrary: fc.constant(undefined) },
        fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom('on', '1', '07', '', LARGE, 'v1')),
      ),
      other: fc.nat(30).map((one) => one === 0),
    })
    .map(({ values, version, odd, other }) => ({
      model: other ? 'A.com/nic' : MODEL,
      version,
      own: odd === undefined,
      params: { ...listFor(source, values), ...(odd ? { [odd[0]]: odd[1] } : {}) },
    }));
}

/** Two documents, of which the second often has what the first has, and a list of the first. */
export const caseArbitrary = fc
  .record({ source: modelArbitrary, other: modelArbitrary, alike: fc.nat(3) })
  .chain(({ source, other, alike }) => {
    const destination = alike === 0 ? other : mixed(source, other, alike);
    return fc.record({
      source: fc.constant(source),
      destination: fc.constant(destination),
      list: listArbitrary(source),
      knowsSource: fc.boolean(),
    });
  });

/** `source`, with what `other` has of every n-th parameter in its place; without rules and profiles, which may not fit. */
function mixed(source: ModelDocument, other: ModelDocument, alike: number): ModelDocument {
  const params = Object.fromEntries(
    Object.entries(source.params ?? {}).map(([name, parameter], i) => [
      name,
      i % (2 * alike) === 0 ? (other.params?.[name] ?? parameter) : parameter,
    ]),
  );
  if (alike === 3) return source;
  const versions = other.versions ?? source.versions;
  return { ...(source.params ? { params } : {}), ...(versions ? { versions } : {}) };
}

/** The document with these models, its members in the order that `shuffle` says. */
export function documentOf(
  models: Readonly<Record<string, ModelDocument>>,
  shuffle: <T>(entries: T[]) => T[] = (entries) => entries,
): string {
  const reordered = Object.entries(models).map(([name, model]) => [
    name,
    {
      ...model,
      ...(model.params ? { params: Object.fromEntries(shuffle(Object.entries(model.params))) } : {}),
    },
  ]);
  return JSON.stringify({ models: Object.fromEntries(shuffle(reordered)) });
}
