import {
  type Box,
  compareBytes,
  type Domain,
  domainOf,
  type Model,
  type Parameter,
  typeOf,
  type Value,
} from '../compat/index.ts';

/** What is to be said of a parameter. */
export interface ParameterPlan {
  /** What a new device has. */
  readonly init: Value;
  /** What its absence means; left out where it cannot be switched off. */
  readonly off?: Value;
  /** What is taken; left out: `init` and `off`, or anything of a type other than bool. */
  readonly domain?: Domain;
  /** In English, for whoever looks why something does not fit. */
  readonly description: string;
  /** The revision of the model that has it first; 1 if not given. */
  readonly since?: number;
}

/** A parameter of a device model. Its type is that of `init`. */
export function defineParameter(
  name: string,
  { init, off, domain, description, since = 1 }: ParameterPlan,
): Parameter {
  const type = typeOf(init);
  const usual: Domain =
    type === 'bool'
      ? { kind: 'bool', on: init === true || off === true, off: init === false || off === false }
      : { kind: 'any', type };
  return {
    name,
    type,
    init,
    off,
    domain: domain ?? usual,
    description,
    since,
    valuesSince: [],
    prefer: undefined,
    live: undefined,
  };
}

/** Values of some parameters that go together. */
export type Combination = ReadonlyMap<string, Value | Domain>;

/** A device model. Of each list of combinations one has to hold. */
export function defineModel(
  name: string,
  parameters: readonly Parameter[],
  rules: readonly (readonly Combination[])[] = [],
): Model {
  return {
    name,
    parameters: new Map(
      parameters.map((one) => [one.name, one] as const).sort(([a], [b]) => compareBytes(a, b)),
    ),
    versions: [],
    profiles: new Map(),
    constraints: rules.map((any) => {
      const boxes = any.map(
        (combination): Box => new Map([...combination].map(([key, to]) => [key, asDomain(to)])),
      );
      const text = JSON.stringify({ any: boxes.map(boxDocument) });
      return { boxes, text };
    }),
  };
}

function asDomain(to: Value | Domain): Domain {
  return typeof to === 'object' ? to : domainOf(to);
}

/** A box as a document writes it: each parameter with the list of values that it may have. */
function boxDocument(box: Box): object {
  return Object.fromEntries([...box].map(([name, domain]) => [name, allowedValues(domain)]));
}

function allowedValues(domain: Box extends ReadonlyMap<string, infer D> ? D : never): unknown[] {
  switch (domain.kind) {
    case 'bool':
      return [true, false].filter((value) => (value ? domain.on : domain.off));
    case 'int':
      return domain.intervals.map(({ min, max }) =>
        min === max && max <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(min) : `${min}-${max}`,
      );
    case 'str':
      return [...domain.values];
    case 'except':
    case 'any':
      throw new RangeError('A rule of a device names the values that it allows');
  }
}
