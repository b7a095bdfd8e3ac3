import type { BoxDomain, Domain } from './domain.ts';
import type { ParameterType, Value } from './value.ts';

/** What a migration info document says about one parameter of a device model. */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  /** What a new instance has (`init_value`). */
  readonly init: Value;
  /** What switches its effect off (`off_value`), the meaning of its absence; undefined: it cannot be switched off. */
  readonly off: Value | undefined;
  /** What is accepted (`allowed_values`); for a bool without them, what `init` and `off` allow. */
  readonly domain: Domain;
  readonly description: string | undefined;
  /** `x-since`: the revision of the model that introduced the parameter; and some values later than the parameter. */
  readonly since: number | undefined;
  readonly valuesSince: readonly { readonly values: Domain; readonly since: number }[];
  /** `x-prefer`: which end of several possible values to choose for a new device. */
  readonly prefer: 'max' | 'min' | undefined;
  /** `x-live`: `state` when it may be changed while the device runs, because only the representation of its state changes. */
  readonly live: 'state' | undefined;
}

/** Parameters by name: a full or a partial assignment of values. Sorted by name, byte by byte. */
export type Assignment = ReadonlyMap<string, Value>;

/** A box: the parameters that it names each lie in a domain, all others are free. */
export type Box = ReadonlyMap<string, BoxDomain>;

/**
 * A dependency between parameters (`x-constraints`): the assignment lies in one of these boxes. The sugar
 * `{if, then}` is such a union as well: the complement of `if`, or `then`. `text` is the rule as the document has it.
 */
export interface Constraint {
  /** `beyond`: more boxes than the limit, so that nothing can be proven by it. */
  readonly boxes: readonly Box[] | 'beyond';
  readonly text: string;
}

/** What one implementation says about one device model. */
export interface Model {
  /** The device model string, compared byte by byte, such as `a.com/nic`. */
  readonly name: string;
  /** Sorted by name, byte by byte. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Version strings of v4, newest last; also the names of `profiles`. */
  readonly versions: readonly string[];
  /** Named assignments (`profiles`), in the order of the document: newest last. */
  readonly profiles: ReadonlyMap<string, Assignment>;
  readonly constraints: readonly Constraint[];
}

/** A migration info document: the device models that one implementation offers. */
export interface MigrationInfo {
  readonly models: ReadonlyMap<string, Model>;
}
