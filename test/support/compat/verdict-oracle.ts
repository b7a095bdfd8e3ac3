/**
 * The verdict once more, slow and straight from the conditions, on documents as they are in JSON: the second opinion that
 * the properties compare with. It shares no code with what it judges; values are their canonical texts.
 */

export type JsonValue = boolean | number | string;

export interface ParameterDocument {
  readonly type: 'bool' | 'int' | 'str';
  readonly init_value: JsonValue;
  readonly off_value?: JsonValue;
  readonly allowed_values?: readonly JsonValue[];
  readonly 'x-live'?: 'state';
}

export type BoxDocument = Readonly<Record<string, readonly JsonValue[]>>;

export type RuleDocument =
  | { readonly [part in 'if' | 'then']?: BoxDocument }
  | { readonly any: readonly BoxDocument[] };

/** The rule `{if, then}`: made this way because an object with a member `then` looks like a promise. */
export function implies(condition: BoxDocument, demand: BoxDocument): RuleDocument {
  return Object.fromEntries([
    ['if', condition],
    ['then', demand],
  ]);
}

export interface ModelDocument {
  readonly params?: Readonly<Record<string, ParameterDocument>>;
  readonly versions?: readonly string[];
  readonly profiles?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;
  readonly 'x-constraints'?: readonly RuleDocument[];
}

export interface ListDocument {
  readonly model: string;
  readonly version?: string | undefined;
  readonly params: Readonly<Record<string, string>>;
}

type Verdict = 'yes' | 'no' | 'unproven';

/** What `text` means as a value of `type`, as the one text for it. */
function meaning(type: ParameterDocument['type'], text: string): string | undefined {
  if (type === 'bool') {
    if (['on', 'true', '1'].includes(text)) return 'on';
    return ['off', 'false', '0'].includes(text) ? 'off' : undefined;
  }
  if (type === 'int') return /^(0|[1-9][0-9]{0,39})$/.test(text) ? text : undefined;
  return text;
}

function textOf(value: JsonValue): string {
  return value === true ? 'on' : value === false ? 'off' : String(value);
}

function listed(type: ParameterDocument['type'], entries: readonly JsonValue[], text: string): boolean {
  return entries.some((entry) => {
    if (type !== 'int') return textOf(entry) === text;
    const [min = '', max = min] = String(entry).split('-');
    return BigInt(text) >= BigInt(min) && BigInt(text) <= BigInt(max);
  });
}

function takes({ type, init_value, off_value, allowed_values }: ParameterDocument, text: string): Verdict {
  if (allowed_values !== undefined) return listed(type, allowed_values, text) ? 'yes' : 'no';
  if (type === 'bool') return off_value !== undefined || textOf(init_value) === text ? 'yes' : 'no';
  const certain = [init_value, ...(off_value === undefined ? [] : [off_value])].map(textOf);
  return certain.includes(text) ? 'yes' : 'unproven';
}

function inBox(box: BoxDocument, values: ReadonlyMap<string, string>, model: ModelDocument): boolean {
  return Object.entries(box).every(([name, entries]) =>
    listed(model.params?.[name]?.type ?? 'str', entries, values.get(name) ?? ''),
  );
}

/** Whether a full assignment keeps every rule. */
export function keepsRules(model: ModelDocument, values: ReadonlyMap<string, string>): boolean {
  return (model['x-constraints'] ?? []).every((rule) =>
    'any' in rule
      ? rule.any.some((box) => inBox(box, values, model))
      : !inBox(rule.if ?? {}, values, model) || inBox(rule.then ?? {}, values, model),
  );
}

/** What a profile makes of every parameter: what it leaves out is off. */
function profileOf(model: ModelDocument, version: string): Map<string, string> | undefined {
  const profile = model.profiles?.[version];
  if (profile === undefined) return undefined;
  return new Map(
    Object.entries(model.params ?? {}).map(([name, { off_value, init_value }]) => [
      name,
      textOf(profile[name] ?? off_value ?? init_value),
    ]),
  );
}

/** The rule of the source: what differs from its off value. */
export function listFor(model: ModelDocument, values: ReadonlyMap<string, string>): Record<string, string> {
  const entries = [...values].filter(([name, text]) => {
    const off = model.params?.[name]?.off_value;
    return off === undefined || textOf(off) !== text;
  });
  return Object.fromEntries(entries);
}

/** Whether a device with `list` can move to a program that prints `models`. */
export function judge(
  list: ListDocument,
  models: Readonly<Record<string, ModelDocument>>,
  source?: ModelDocument,
): Verdict {
  const model = models[list.model];
  if (model === undefined) return 'no';
  const { version } = list;
  const atSource = version === undefined || source === undefined ? undefined : profileOf(source, version);
  const bare = Object.keys(list.params).length === 0;
  const params = bare && source && atSource ? listFor(source, atSource) : list.params;
  const full = Object.keys(params).length > 0;
  const versionsAlone = (one: ModelDocument) =>
    Object.keys(one.params ?? {}).length === 0 && versionsOf(one).length > 0;
  const compared =
    full || (version === undefined ? source === undefined || !versionsAlone(source) : atSource !== undefined);
  if (offValuesDiffer(model, params, source)) return 'no';
  if (version !== undefined && versionsOf(model).includes(version)) {
    const profile = profileOf(model, version);
    return compared && profile && !sameMeaning(model, params, profile) ? 'no' : 'yes';
  }
  return compared && !versionsAlone(model) ? judgeParameters(params, model, source) : 'no';
}

function versionsOf({ versions = [], profiles = {} }: ModelDocument): readonly string[] {
  return [...versions, ...Object.keys(profiles)];
}

/** Condition 5; two that are not even of one type have condition 2. */
function offValuesDiffer(
  model: ModelDocument,
  _params: ListDocument['params'],
  source?: ModelDocument,
): boolean {
  return Object.entries(model.params ?? {}).some(([name, { off_value }]) => {
    const off = source?.params?.[name]?.off_value;
    return off !== undefined && off_value !== undefined && textOf(off) !== textOf(off_value);
  });
}

function sameMeaning(
  model: ModelDocument,
  params: ListDocument['params'],
  profile: ReadonlyMap<string, string>,
): boolean {
  const known = model.params ?? {};
  const unknown = Object.keys(params).some((name) => known[name] === undefined);
  return (
    !unknown && Object.keys(known).every((name) => valueIn(params, name, known[name]!) === profile.get(name))
  );
}

function valueIn(
  params: ListDocument['params'],
  name: string,
  parameter: ParameterDocument,
): string | undefined {
  const text = params[name];
  if (text !== undefined) return meaning(parameter.type, text);
  return parameter.off_value === undefined ? undefined : textOf(parameter.off_value);
}

/** Conditions 2, 3, 4 and 6. */
function judgeParameters(
  params: ListDocument['params'],
  model: ModelDocument,
  source?: ModelDocument,
): Verdict {
  const known = model.params ?? {};
  const values = new Map<string, string>();
  let answer: Verdict = 'yes';
  for (const name of Object.keys(params)) {
    if (known[name] === undefined) return 'no';
    const type = source?.params?.[name]?.type;
    if (type !== undefined && type !== known[name].type) return 'no';
  }
  for (const [name, parameter] of Object.entries(known)) {
    const value = valueIn(params, name, parameter);
    if (value === undefined) return 'no';
    const taken = takes(parameter, value);
    if (taken === 'no') return 'no';
    if (taken === 'unproven') answer = 'unproven';
    values.set(name, value);
  }
  return keepsRules(model, values) ? answer : 'no';
}
