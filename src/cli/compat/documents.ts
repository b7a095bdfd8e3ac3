/** Parts of the documents that `--json` prints. Values are texts throughout, so that no number loses digits. */
import {
  type Assignment,
  type Domain,
  formatList,
  formatValue,
  listDigest,
  type MigrationList,
  type Model,
  type Parameter,
} from '../../compat/index.ts';

/** Texts of values by parameter. */
export type Values = Readonly<Record<string, string>>;

export interface ListDocument {
  readonly model: string;
  readonly version: string | null;
  readonly parameters: Values;
  /** The list as it travels: what the digest is taken of. */
  readonly text: string;
  readonly digest: string;
}

export interface ParameterDocument {
  readonly name: string;
  readonly type: string;
  readonly init: string;
  /** Null: it cannot be switched off. */
  readonly off: string | null;
  /** Values, and ranges `min-max` of an int; null: it does not say. */
  readonly allowed: readonly string[] | null;
  readonly description: string | null;
  readonly since: number | null;
  readonly prefer: string | null;
  readonly live: string | null;
}

export interface ModelDocument {
  readonly model: string;
  readonly parameters: readonly ParameterDocument[];
  readonly versions: readonly string[];
  readonly profiles: Readonly<Record<string, Values>>;
  readonly rules: readonly string[];
}

export function listDocument(list: MigrationList): ListDocument {
  return {
    model: list.model,
    version: list.version ?? null,
    parameters: Object.fromEntries(list.parameters),
    text: formatList(list),
    digest: listDigest(list),
  };
}

export function modelDocument(model: Model): ModelDocument {
  return {
    model: model.name,
    parameters: [...model.parameters.values()].map(parameterDocument),
    versions: model.versions,
    profiles: Object.fromEntries([...model.profiles].map(([name, values]) => [name, valuesDocument(values)])),
    rules: model.constraints.map(({ text }) => text),
  };
}

function parameterDocument(parameter: Parameter): ParameterDocument {
  const { name, type, init, off, domain, description, since, prefer, live } = parameter;
  return {
    name,
    type,
    init: formatValue(init),
    off: off === undefined ? null : formatValue(off),
    allowed: allowed(domain),
    description: description ?? null,
    since: since ?? null,
    prefer: prefer ?? null,
    live: live ?? null,
  };
}

/** Values of a domain one by one, ranges as `min-max`; null where any value of the type may be given. */
export function allowed(domain: Domain): string[] | null {
  switch (domain.kind) {
    case 'any':
      return null;
    case 'bool':
      return [...(domain.on ? ['on'] : []), ...(domain.off ? ['off'] : [])];
    case 'int':
      return domain.intervals.map(({ min, max }) => (min === max ? `${min}` : `${min}-${max}`));
    case 'str':
      return [...domain.values];
  }
}

export function valuesDocument(values: Assignment): Values {
  return Object.fromEntries([...values].map(([name, value]) => [name, formatValue(value)]));
}

/** `name=value` in one line, for people. */
export function valuesLine(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
