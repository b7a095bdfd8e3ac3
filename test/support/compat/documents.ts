/** Migration info documents without an error, made of choices: what properties and the fuzz target begin with. */
import fc from 'fast-check';
import { Draw } from '../../fuzz/draw.ts';

export type Json = boolean | number | string | null | readonly Json[] | { readonly [name: string]: Json };

/** Choices for a document, and for what is done to it. */
export const drawArbitrary: fc.Arbitrary<Draw> = fc.nat().map((seed) => Draw.fresh(seed));

/** Any document that is read without an error, as JSON has it. */
export const documentArbitrary: fc.Arbitrary<Json> = drawArbitrary.map(makeDocument);

const MODELS = [
  'a.com/nic',
  'virtio-spec.org/pci/virtio-net',
  'größe.example/ö/x',
  '10.example/1',
  'local/nic',
];
const NAMES = [
  'rss',
  'q',
  'fmt',
  'num-queues',
  '__proto__',
  'constructor',
  '10',
  '9',
  'größe',
  '\u{1f600}',
  '\uffee',
  '-x',
];
const PROFILES = ['v1', 'q64-v2', '10', '9', '__proto__', 'pc 4.0'];
const TEXTS = ['', 'v1', 'v2', 'a b', '__proto__', 'ö', '\u{1f600}', '\ufeff', '1-a', ' ', '"\\,'];
const WHOLE: readonly Json[] = [
  0,
  1,
  4,
  16,
  '7',
  9007199254740991,
  '9007199254740992',
  '18446744073709551615',
  `${'9'.repeat(40)}`,
];
const RANGES = ['0-3', '2-5', '4-4', '6-9', '00-007', '10-18446744073709551615', `1-${'9'.repeat(40)}`];

/** A parameter as JSON has it, and values that it certainly takes. */
interface Made {
  readonly json: { readonly [name: string]: Json };
  readonly type: 'bool' | 'int' | 'str';
  readonly takes: readonly Json[];
  readonly init: Json;
  readonly off: Json | undefined;
}

/** A document without an error. */
export function makeDocument(draw: Draw): Json {
  return {
    models: object(some(draw, MODELS, 2).map((name) => [name, makeModel(draw)])),
    ...(draw.once(8) ? { 'x-vendor': [{ any: null }] } : {}),
    ...(draw.once(8) ? { generator: 'somebody 1.0' } : {}),
  };
}

function makeModel(draw: Draw): Json {
  const parameters = new Map(some(draw, NAMES, 6).map((name) => [name, makeParameter(draw)] as const));
  const profiles = new Map(
    draw.once(2) ? some(draw, PROFILES, 3).map((name) => [name, makeProfile(draw, parameters)] as const) : [],
  );
  const versions = draw.once(3) ? some(draw, [...PROFILES, 'v3'], 4) : [];
  const rules =
    parameters.size > 0 && draw.once(2)
      ? times(draw, 3, () => makeRule(draw, parameters, [...profiles.values()]))
      : [];
  return {
    ...(parameters.size > 0 || versions.length === 0
      ? { params: object([...parameters].map(([name, { json }]) => [name, json])) }
      : {}),
    ...(versions.length > 0 ? { versions } : {}),
    ...(profiles.size > 0 ? { profiles: object(profiles) } : {}),
    ...(rules.length > 0 ? { 'x-constraints': rules } : {}),
  };
}

function makeParameter(draw: Draw): Made {
  const type = draw.pick(['bool', 'int', 'str'] as const);
  const listed = draw.once(2);
  const entries = {
    bool: () => some(draw, [true, false], 2),
    int: () => makeInts(draw),
    str: () => some(draw, TEXTS, 4),
  }[type]();
  const takes = type === 'int' ? entries.map((entry) => smallest(entry)) : entries;
  const init = draw.pick(takes);
  const off = draw.once(2) ? draw.pick(takes) : undefined;
  const json = {
    type,
    init_value: init,
    ...(off === undefined ? {} : { off_value: off }),
    ...(listed ? { allowed_values: entries } : {}),
    ...(draw.once(4) ? { description: draw.pick(TEXTS) } : {}),
    ...(draw.once(4) ? { 'x-since': draw.below(5) } : {}),
    ...(draw.once(6)
      ? { 'x-since': { since: 1, values: [{ allowed_values: entries, since: 2 + draw.below(3) }] } }
      : {}),
    ...(draw.once(4) ? { 'x-prefer': draw.pick(['max', 'min']) } : {}),
    ...(draw.once(4) ? { 'x-live': 'state' } : {}),
    ...(draw.once(8) ? { unit: 'bytes' } : {}),
  };
  return { json, type, init, off, takes: listed ? takes : [init, ...(off === undefined ? [] : [off])] };
}

function makeInts(draw: Draw): Json[] {
  return some<Json>(draw, [...WHOLE, ...RANGES], 4);
}

/** The value of an entry of numbers, or the smallest of a range. */
function smallest(entry: Json): Json {
  if (typeof entry !== 'string') return entry;
  const text = BigInt(entry.split('-')[0] ?? '').toString();
  return Number(text) <= Number.MAX_SAFE_INTEGER ? Number(text) : text;
}

function makeProfile(draw: Draw, parameters: ReadonlyMap<string, Made>): { readonly [name: string]: Json } {
  const named = [...parameters].filter(([, { off }]) => off === undefined || draw.once(2));
  return object(named.map(([name, { takes }]) => [name, draw.pick(takes)]));
}

/** A rule that the init values and all profiles keep. */
function makeRule(
  draw: Draw,
  parameters: ReadonlyMap<string, Made>,
  profiles: readonly { readonly [name: string]: Json }[],
): Json {
  const names = [...parameters.keys()];
  const box = (demanded: boolean): Json => {
    const members = some(draw, names, 2).map((name): [string, Json] => {
      const { takes, init, off } = parameters.get(name)!;
      const kept = [
        init,
        ...profiles.map((profile) => (Object.hasOwn(profile, name) ? profile[name]! : off!)),
      ];
      return [name, [...new Set([...(demanded ? kept : []), draw.pick(takes)])]];
    });
    return object(members);
  };
  return draw.once(2)
    ? { any: [box(true), ...times(draw, 3, () => box(false))] }
    : object([
        ['if', box(false)],
        ['then', box(true)],
      ]);
}

/** At least one of `from`, each once. */
function some<T>(draw: Draw, from: readonly T[], most: number): T[] {
  const chosen = Array.from({ length: 1 + draw.below(most) }, () => draw.pick(from));
  return [...new Set(chosen)];
}

function times<T>(draw: Draw, most: number, make: () => T): T[] {
  return Array.from({ length: 1 + draw.below(most) }, make);
}

/** An object with these members, `__proto__` among them perhaps. */
export function object(members: Iterable<readonly [string, Json]>): { readonly [name: string]: Json } {
  return Object.fromEntries(members);
}
