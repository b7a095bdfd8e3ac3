/** Implementations that say the same are one variant, and parameters that are described alike are one stance. */
import { type BoxDomain, sameDomain } from '../domain.ts';
import type { Assignment, Constraint, Model, Parameter } from '../model.ts';
import { compareBytes, formatValue, type Value } from '../value.ts';

/** What the implementations of a pool that describe one parameter alike say about it. */
export interface Stance {
  /** Its place in tables of stances. */
  readonly number: number;
  readonly parameter: Parameter;
  /** How many variants hold it. */
  holders: number;
}

/** The stances of one column that are in use. */
interface Said {
  readonly byText: Map<string, Stance>;
  /** The latest few by their initial values: comparing with these is faster than making a text. */
  readonly latest: Map<Value, Stance[]>;
}

/** How many stances with one initial value are compared with before a text is made. */
const COMPARED = 8;

/** What an implementation says about its model as a whole. */
export interface Offer {
  readonly key: string;
  readonly number: number;
  /** How many variants hold it. */
  holders: number;
  /** Versions and names of profiles, newest first. */
  readonly names: readonly string[];
  readonly profiles: ReadonlyMap<string, Assignment>;
  readonly constraints: readonly Constraint[];
}

/** All that one implementation, or several alike, say about a model. */
export interface Variant {
  readonly key: string;
  /** By column the number of its stance plus one; 0, or beyond the end: it has no such parameter. */
  readonly stances: Uint32Array;
  readonly offer: Offer;
  /** How many implementations are of this variant. */
  count: number;
}

/** Every variant that is in use. What nobody says any more is forgotten, its numbers are given out again. */
export class Variants {
  /** Names of parameters, each a column. */
  readonly columns: string[] = [];
  /** Stances by number; what is free is undefined. */
  readonly stances: (Stance | undefined)[] = [];
  readonly #columnOf = new Map<string, number>();
  readonly #said: Said[] = [];
  readonly #free: number[] = [];
  readonly #byKey = new Map<string, Variant>();
  readonly #byModel = new WeakMap<Model, Variant>();
  readonly #offers = new Map<string, Offer>();
  #nextOffer = 0;

  /** The variant of an implementation that says `model`, which it is counted in from now on. */
  hold(model: Model): Variant {
    let variant = this.#byModel.get(model);
    if (variant === undefined || variant.count === 0) {
      variant = this.#variantOf(model);
      this.#byModel.set(model, variant);
    }
    variant.count++;
    return variant;
  }

  /** One implementation of `variant` is gone. */
  release(variant: Variant): void {
    if (--variant.count > 0) return;
    this.#byKey.delete(variant.key);
    if (--variant.offer.holders === 0) this.#offers.delete(variant.offer.key);
    for (const [column, said] of variant.stances.entries()) {
      const stance = said === 0 ? undefined : this.stances[said - 1];
      if (stance === undefined || --stance.holders > 0) continue;
      const { init } = stance.parameter;
      const { byText, latest } = this.#said[column]!;
      byText.delete(keyOf(stance.parameter));
      const others = latest.get(init)?.filter((other) => other !== stance) ?? [];
      if (others.length > 0) latest.set(init, others);
      else latest.delete(init);
      this.stances[stance.number] = undefined;
      this.#free.push(stance.number);
    }
  }

  /** The stances of `column` that are in use. */
  inColumn(column: number): Iterable<Stance> {
    return this.#said[column]?.byText.values() ?? [];
  }

  #variantOf(model: Model): Variant {
    const columns = [...model.parameters.keys()].map((name) => this.#column(name));
    const stances = new Uint32Array(columns.reduce((most, column) => Math.max(most, column + 1), 0));
    let at = 0;
    for (const parameter of model.parameters.values()) {
      const column = columns[at++]!;
      stances[column] = this.#stance(column, parameter).number + 1;
    }
    const offer = this.#offer(model);
    const key = `${offer.number} ${Buffer.from(stances.buffer).toString('latin1')}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    offer.holders++;
    for (const said of stances) if (said > 0) this.stances[said - 1]!.holders++;
    const variant = { key, stances, offer, count: 0 };
    this.#byKey.set(key, variant);
    return variant;
  }

  #column(name: string): number {
    let column = this.#columnOf.get(name);
    if (column === undefined) {
      column = this.columns.push(name) - 1;
      this.#columnOf.set(name, column);
      this.#said.push({ byText: new Map(), latest: new Map() });
    }
    return column;
  }

  #stance(column: number, parameter: Parameter): Stance {
    const { byText, latest } = this.#said[column]!;
    const alike = latest.get(parameter.init) ?? [];
    for (const stance of alike) if (sameParameter(stance.parameter, parameter)) return stance;
    const key = keyOf(parameter);
    let stance = byText.get(key);
    if (stance === undefined) {
      stance = { number: this.#free.pop() ?? this.stances.length, parameter, holders: 0 };
      this.stances[stance.number] = stance;
      byText.set(key, stance);
    }
    latest.set(parameter.init, [stance, ...alike.slice(0, COMPARED - 1)]);
    return stance;
  }

  #offer({ versions, profiles, constraints }: Model): Offer {
    const key = JSON.stringify([
      versions,
      [...profiles].map(([name, values]) => [name, [...values].map(([p, value]) => [p, textOf(value)])]),
      constraints.map(constraintText).sort(compareBytes),
    ]);
    let offer = this.#offers.get(key);
    if (offer === undefined) {
      const names = [...new Set([...versions, ...profiles.keys()])].reverse();
      offer = { key, number: this.#nextOffer++, holders: 0, names, profiles, constraints };
      this.#offers.set(key, offer);
    }
    return offer;
  }
}

/** Whether both mean the same, whatever their descriptions say. Those that give some values later are left to their texts. */
function sameParameter(a: Parameter, b: Parameter): boolean {
  return (
    a.off === b.off &&
    a.init === b.init &&
    a.type === b.type &&
    a.since === b.since &&
    a.prefer === b.prefer &&
    a.valuesSince.length + b.valuesSince.length === 0 &&
    sameDomain(a.domain, b.domain)
  );
}

/** One text for parameters that mean the same, whatever their descriptions say. Values have no newline. */
function keyOf({ type, init, off, domain, since, valuesSince, prefer }: Parameter): string {
  let key = `${type}\n${formatValue(init)}\n${off === undefined ? '' : `=${formatValue(off)}`}\n${domainText(domain)}`;
  if (prefer !== undefined) key += `\n${prefer}`;
  if (since !== undefined) key += `\n${since}`;
  for (const later of valuesSince) key += `\n${later.since} ${domainText(later.values)}`;
  return key;
}

/** One text for all that `constraint` says. */
export function constraintText({ boxes, text }: Constraint): string {
  if (boxes === 'beyond') return `beyond\n${text}`;
  return boxes
    .map((box) => [...box].map(([name, domain]) => `${name}=${domainText(domain)}`).join('\n'))
    .join('\n\n');
}

function domainText(domain: BoxDomain): string {
  switch (domain.kind) {
    case 'bool':
      return `${domain.on} ${domain.off}`;
    case 'int': {
      let text = 'int';
      for (const { min, max } of domain.intervals) text += ` ${min}-${max}`;
      return text;
    }
    case 'any':
      return `any ${domain.type}`;
    default:
      // With their number, so that what follows is not taken for one more
      return `${domain.kind} ${[domain.values.size, ...[...domain.values].sort(compareBytes)].join('\n')}`;
  }
}

/** A text that tells values of all types apart. */
function textOf(value: Value): string {
  return `${typeof value} ${formatValue(value)}`;
}
