/** Pools of implementations to choose among, whose documents often agree, and often nearly do. */
import fc from 'fast-check';
import {
  buildList,
  check,
  complete,
  formatList,
  type Model,
  parseInfo,
  parseList,
} from '../../../src/compat/index.ts';
import { documentOf, MODEL, modelArbitrary } from './verdict-documents.ts';
import type { ModelDocument, ParameterDocument } from './verdict-oracle.ts';

export interface Implementation {
  readonly id: string;
  readonly document: ModelDocument;
}

/** What the parameters of one implementation have besides, beyond what the verdict goes by. */
interface Extra {
  readonly since: number;
  readonly prefer: 'max' | 'min' | undefined;
  /** Numbers start with another value, and nothing is said about what they take. */
  readonly open: boolean;
}

const extra: fc.Arbitrary<Extra> = fc.record({
  since: fc.nat(3),
  prefer: fc.constantFrom(undefined, undefined, undefined, 'max' as const, 'min' as const),
  open: fc.nat(5).map((one) => one === 0),
});

/** Implementations, each of them one document with some parameters as another has them, or without some. */
export const poolArbitrary: fc.Arbitrary<Implementation[]> = fc
  .record({ base: modelArbitrary, other: modelArbitrary, versioned: fc.nat(4) })
  .chain(({ base, other, versioned }) =>
    fc.array(
      fc
        .record({
          swapped: fc.nat({ max: 255 }),
          dropped: fc.nat({ max: 255 }),
          much: fc.nat(3),
          extra,
          plain: fc.nat(5),
        })
        .map(({ swapped, dropped, much, extra: added, plain }): ModelDocument => {
          if (plain === 0) return versioned === 0 ? other : base;
          return altered(
            base,
            other,
            much === 0 ? swapped & dropped : 0,
            much <= 1 ? dropped & 0x55 : 0,
            added,
          );
        }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map((documents) => documents.map((document, i) => ({ id: `host${i}`, document })));

function altered(
  base: ModelDocument,
  other: ModelDocument,
  swap: number,
  drop: number,
  added: Extra,
): ModelDocument {
  const params = Object.entries(base.params ?? {}).flatMap(
    ([name, parameter], i): [string, ParameterDocument][] => {
      const bit = 1 << i;
      const mine = swap & bit ? (other.params?.[name] ?? parameter) : parameter;
      if (drop & bit && !(swap & bit)) return [];
      return [
        [
          name,
          {
            ...(added.open && mine.type === 'int' ? opened(mine, i) : mine),
            ...(added.since > 0 && i === 0 ? { 'x-since': added.since } : {}),
            ...preferOf(mine, added),
          },
        ],
      ];
    },
  );
  if (params.length === 0) return base;
  const keeps = swap === 0 && drop === 0;
  return {
    params: Object.fromEntries(params),
    ...(base.versions ? { versions: base.versions } : {}),
    ...(keeps && base.profiles ? { profiles: base.profiles } : {}),
    ...(keeps && base['x-constraints'] ? { 'x-constraints': base['x-constraints'] } : {}),
  };
}

/** The parameter, without a word about what it takes, and with another initial value. */
function opened(
  { allowed_values: _gone, ...parameter }: ParameterDocument,
  value: number,
): ParameterDocument {
  return { ...parameter, init_value: value + 1 };
}

function preferOf({ type }: ParameterDocument, { prefer }: Extra): object {
  return prefer === undefined || type !== 'int' ? {} : { 'x-prefer': prefer };
}

export function modelOf(document: ModelDocument): Model {
  return parseInfo(documentOf({ [MODEL]: document })).models.get(MODEL)!;
}

const SMALL = [0, 1, 2, 3] as const;

/** A parameter with few values, so that all of them can be tried; `off` where it can be switched off. */
const smallParameter: fc.Arbitrary<ParameterDocument | undefined> = fc
  .record({
    allowed: fc.subarray([...SMALL], { minLength: 1 }),
    init: fc.nat(),
    off: fc.constantFrom(undefined, undefined, 0, 0, 1),
    lacking: fc.nat(4),
  })
  .map(({ allowed, init, off, lacking }) => {
    if (lacking === 0) return undefined;
    const values = off === undefined ? allowed : [...new Set([...allowed, off])];
    return {
      type: 'int',
      init_value: values[init % values.length]!,
      allowed_values: values,
      ...(off === undefined ? {} : { off_value: off }),
    };
  });

/** Implementations of one to three parameters with few values. */
export const smallPoolArbitrary: fc.Arbitrary<{ documents: ModelDocument[]; parameters: number }> = fc
  .integer({ min: 1, max: 3 })
  .chain((parameters) =>
    fc.record({
      documents: fc.array(
        fc.array(smallParameter, { minLength: parameters, maxLength: parameters }).map((all) => ({
          params: Object.fromEntries(
            all.flatMap((parameter, i) => (parameter === undefined ? [] : [[`p${i}`, parameter]])),
          ),
        })),
        { minLength: 1, maxLength: 5 },
      ),
      parameters: fc.constant(parameters),
    }),
  );

/** How many of `models` take one list that each of them gives as well, and switch off by the same values: all is tried. */
export function bestByTrying(models: readonly Model[]): number {
  const names = [...new Set(models.flatMap(({ parameters }) => [...parameters.keys()]))];
  const offs = combinations(names, SMALL);
  let most = 0;
  for (const values of combinations(names, [undefined, ...SMALL])) {
    const given = [...values].filter(([, value]) => value !== undefined);
    const list = parseList({ model: MODEL, params: given.map(([name, value]) => `${name}=${value}`) });
    const taking = models.filter((model) => {
      const { answer } = check(list, { models: new Map([[MODEL, model]]) });
      return answer === 'yes' && formatList(buildList(model, complete(list, model))) === formatList(list);
    });
    if (taking.length > most)
      most = Math.max(most, ...offs.map((off) => taking.filter((model) => switchesOffBy(model, off)).length));
  }
  return most;
}

function combinations<T>(names: readonly string[], values: readonly T[]): ReadonlyMap<string, T>[] {
  return names.reduce<ReadonlyMap<string, T>[]>(
    (all, name) => all.flatMap((some) => values.map((value) => new Map([...some, [name, value]]))),
    [new Map()],
  );
}

function switchesOffBy({ parameters }: Model, offs: ReadonlyMap<string, number>): boolean {
  return [...parameters.values()].every(
    ({ name, off }) => off === undefined || off === BigInt(offs.get(name)!),
  );
}
