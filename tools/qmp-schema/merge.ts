import type { Schema, SchemaEntry, SchemaMember } from './introspect.ts';
import { KEPT, NAMES } from './used.ts';

/** A type of the union over all given versions of QEMU. Named types are held once, in `Merger.named`. */
export type Type =
  | { readonly kind: 'builtin'; readonly json: string }
  | { readonly kind: 'array'; readonly of: Type }
  | { readonly kind: 'anyOf'; readonly of: readonly Type[] }
  | { readonly kind: 'named'; readonly name: string };

export interface Member {
  readonly name: string;
  readonly type: Type;
  readonly optional: boolean;
  /** Versions that have it, when not all do. */
  readonly only: readonly string[] | undefined;
}

export type Named =
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'object'; readonly members: readonly Member[] }
  | { readonly kind: 'union'; readonly tag: string; readonly cases: ReadonlyMap<string, Case> };

/** What one value of a union's tag adds: members of its own, and those of a further union where the case is one. */
export interface Case {
  readonly members: readonly Member[];
  readonly also: Type | undefined;
}

/** What Ferry sends may be checked case by case; what it receives must survive cases that a later QEMU adds. */
export type Direction = 'sent' | 'received';

type Ids = readonly (string | undefined)[];

export function pascal(name: string): string {
  return name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

/** Lays the schemas of several versions over each other, starting from commands and events. */
export class Merger {
  readonly named = new Map<string, Named | undefined>();
  readonly #schemas: readonly Schema[];
  readonly #known = new Map<string, Type>();

  constructor(schemas: readonly Schema[]) {
    this.#schemas = schemas;
  }

  /** The entries called `name` in each version; at least one has it, and it is of that `kind`. */
  entries<K extends SchemaEntry['kind']>(
    ids: Ids,
    kind: K,
  ): (Extract<SchemaEntry, { kind: K }> | undefined)[] {
    const found = this.#schemas.map((schema, index) => {
      const id = ids[index];
      const entry = id === undefined ? undefined : schema.entries.get(id);
      if (entry === undefined) return undefined;
      if (entry.kind !== kind)
        throw new TypeError(`${id} is ${entry.kind} in ${schema.version}, not ${kind}`);
      return entry as Extract<SchemaEntry, { kind: K }>;
    });
    if (found.every((entry) => entry === undefined)) throw new TypeError(`No version has ${String(ids[0])}`);
    return found;
  }

  /** The merged type that the versions call `ids`, named after `path` when it needs a name. */
  type(ids: Ids, path: string, direction: Direction): Type {
    const entry = this.#schemas
      .map((schema, index) => schema.entries.get(ids[index] ?? ''))
      .find((candidate) => candidate !== undefined);
    if (entry === undefined) throw new TypeError(`${path} refers to an unknown type`);
    const key = `${ids.join('/')} ${entry.kind === 'enum' ? '' : direction}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    switch (entry.kind) {
      case 'builtin':
        return { kind: 'builtin', json: entry.json };
      case 'array': {
        const elements = this.entries(ids, 'array').map((array) => array?.element);
        return { kind: 'array', of: this.type(elements, `${path.replace(/Result$/, '')}Entry`, direction) };
      }
      case 'alternate': {
        const alternates = this.entries(ids, 'alternate');
        const length = Math.max(...alternates.map((alternate) => alternate?.of.length ?? 0));
        const of = Array.from({ length }, (_, index) =>
          this.type(
            alternates.map((alternate) => alternate?.of[index]),
            `${path}Or${index}`,
            direction,
          ),
        );
        return { kind: 'anyOf', of };
      }
      case 'enum': {
        const values = new Set(this.entries(ids, 'enum').flatMap((one) => one?.values ?? []));
        return this.#name(key, path, () => ({ kind: 'enum', values: [...values] }));
      }
      case 'object':
        return this.#name(key, path, (name) => this.#object(ids, name, direction));
      default:
        throw new TypeError(`${path} refers to a ${entry.kind}`);
    }
  }

  #name(key: string, path: string, build: (name: string) => Named): Type {
    const wanted = NAMES[path] ?? path;
    const name = this.named.has(wanted) ? `${wanted}2` : wanted;
    const type: Type = { kind: 'named', name };
    this.#known.set(key, type);
    this.named.set(name, undefined);
    const built = build(path);
    this.named.delete(name);
    this.named.set(name, built);
    return type;
  }

  #object(ids: Ids, path: string, direction: Direction): Named {
    const objects = this.entries(ids, 'object');
    const members = this.#members(
      objects.map((object) => object?.members),
      path,
      direction,
    );
    const tag = objects.find((object) => object?.tag !== undefined)?.tag;
    if (tag === undefined) return { kind: 'object', members };
    const values = new Set(objects.flatMap((object) => object?.variants.map(({ value }) => value) ?? []));
    const cases = new Map<string, Case>();
    for (const value of values) {
      const variant = objects.map((object) => object?.variants.find((one) => one.value === value)?.type);
      cases.set(value, this.#case(variant, path + pascal(value), direction));
    }
    if (direction === 'received') {
      const flat = flatten([...cases.values()].flatMap((one) => one.members));
      return { kind: 'object', members: [...members, ...flat] };
    }
    const base = members.filter(({ name }) => name !== tag);
    for (const [value, one] of cases) cases.set(value, { ...one, members: [...base, ...one.members] });
    return { kind: 'union', tag, cases };
  }

  #case(ids: Ids, path: string, direction: Direction): Case {
    const nested = this.entries(ids, 'object').some((object) => object?.tag !== undefined);
    if (nested && direction === 'sent') return { members: [], also: this.type(ids, path, direction) };
    const named = this.#object(ids, path, direction);
    return { members: named.kind === 'object' ? named.members : [], also: undefined };
  }

  #members(
    lists: readonly (readonly SchemaMember[] | undefined)[],
    path: string,
    direction: Direction,
  ): Member[] {
    const names = new Set(lists.flatMap((members) => members?.map(({ name }) => name) ?? []));
    const kept = KEPT[NAMES[path] ?? path];
    const wanted = kept === undefined ? [...names] : kept.filter((name) => names.has(name));
    return wanted.map((name) => {
      const found = lists.map((members) => members?.find((member) => member.name === name));
      const having = this.#schemas.filter((_, index) => found[index] !== undefined);
      const all = found.every((member, index) => member !== undefined || lists[index] === undefined);
      return {
        name,
        type: this.type(
          found.map((member) => member?.type),
          path + pascal(name),
          direction,
        ),
        optional: !all || found.some((member) => member?.optional === true),
        only: all ? undefined : having.map(({ version }) => version),
      };
    });
  }
}

/** The members of all cases side by side, each optional; one name with two types may be either. */
function flatten(members: readonly Member[]): Member[] {
  const byName = Map.groupBy(members, ({ name }) => name);
  return [...byName].map(([name, same]) => {
    const types = new Map(same.map(({ type }) => [JSON.stringify(type), type]));
    const of = [...types.values()];
    const type: Type = of.length === 1 ? of[0]! : { kind: 'anyOf', of };
    return { name, type, optional: true, only: undefined };
  });
}
