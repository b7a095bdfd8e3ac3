/** Rules between parameters (`x-constraints`), from JSON to unions of boxes. */
import { areDisjoint, type BoxDomain, complement } from '../domain.ts';
import { MAX_ALLOWED_VALUES, MAX_BOXES, MAX_CONSTRAINTS, MAX_PARAMETERS } from '../limits.ts';
import type { Box, Constraint, Parameter } from '../model.ts';
import { sortedByName } from '../names.ts';
import { type Findings, show } from './findings.ts';
import { entriesOf, isObject, membersOf, warnOfUnknown } from './members.ts';
import type { Path } from './places.ts';
import { decodeDomain } from './values.ts';

/** Where parameters are looked up: undefined for one that is there, but cannot be read. */
export type Known = ReadonlyMap<string, Parameter | undefined>;

const MEMBERS: ReadonlySet<string> = new Set(['if', 'then', 'any']);

/**
 * The rules of a model, those with an error left out. Each is what it allows: `{if, then}` all boxes outside `if`, and
 * `then`; `{any}` its boxes. Boxes have what the rule says, whatever the parameters allow, so that they are no larger.
 */
export function decodeRules(raw: unknown, known: Known, path: Path, findings: Findings): Constraint[] {
  return entriesOf(raw, MAX_CONSTRAINTS, path, findings).flatMap((rule, i): Constraint[] => {
    const before = findings.errors;
    const boxes = decodeRule(rule, known, [...path, i], findings);
    if (findings.errors > before) return [];
    if (boxes.length <= MAX_BOXES) return [{ boxes, text: JSON.stringify(rule) }];
    const message = `Found ${boxes.length} cases, where at most ${MAX_BOXES} are proven by`;
    findings.warn('rule-beyond', [...path, i], message);
    return [{ boxes: 'beyond', text: JSON.stringify(rule) }];
  });
}

function decodeRule(raw: unknown, known: Known, path: Path, findings: Findings): Box[] {
  const form = formOf(raw);
  if (!isObject(raw) || form === undefined) {
    findings.error(
      'wrong-form',
      path,
      `Found ${show(raw)}, expected an object with if and then, or one with any`,
    );
    return [];
  }
  warnOfUnknown(raw, MEMBERS, path, findings);
  if (form === 'any') {
    const entries = entriesOf(raw.any, MAX_ALLOWED_VALUES, [...path, 'any'], findings);
    if (entries.length === 0)
      findings.error('empty', [...path, 'any'], 'Found no case, expected at least one');
    return entries.flatMap((box, i) =>
      possible(decodeBox(box, known, [...path, 'any', i], findings), known, [...path, 'any', i], findings),
    );
  }
  const condition = decodeBox(raw.if, known, [...path, 'if'], findings);
  const outside = [...condition].map(([name, domain]): Box => {
    return new Map([[name, complement(domain)]]);
  });
  const demanded = decodeBox(raw.then, known, [...path, 'then'], findings);
  // Outside of `if` there may be nothing: it always holds then
  return [
    ...outside.filter((box) => impossible(box, known) === undefined),
    ...possible(demanded, known, [...path, 'then'], findings),
  ];
}

function formOf(raw: unknown): 'any' | 'if' | undefined {
  if (!isObject(raw)) return undefined;
  const [condition, demand, any] = ['if', 'then', 'any'].map((name) => Object.hasOwn(raw, name));
  if (any && !condition && !demand) return 'any';
  return condition && demand && !any ? 'if' : undefined;
}

function decodeBox(raw: unknown, known: Known, path: Path, findings: Findings): Box {
  const box: [string, BoxDomain][] = [];
  const members = membersOf(raw, MAX_PARAMETERS, path, findings);
  if (isObject(raw) && members.length === 0)
    findings.error('empty', path, 'Found no parameter, expected at least one');
  for (const [name, values] of members) {
    const at = [...path, name];
    if (!known.has(name))
      findings.error(
        'unknown-parameter',
        at,
        `Found ${show(name)}, expected a parameter of the model`,
        'name',
      );
    const parameter = known.get(name);
    const entries = entriesOf(values, MAX_ALLOWED_VALUES, at, findings);
    if (Array.isArray(values) && values.length === 0)
      findings.error('empty', at, 'Found no value, expected at least one');
    if (parameter !== undefined && entries.length > 0)
      box.push([name, decodeDomain(parameter.type, entries, at, findings)]);
  }
  return sortedByName(box);
}

/** A parameter for which `box` asks for values that are not among its allowed ones, so that nothing lies in the box. */
function impossible(box: Box, known: Known): string | undefined {
  for (const [name, domain] of box) {
    const parameter = known.get(name);
    if (parameter !== undefined && areDisjoint(domain, parameter.domain)) return name;
  }
  return undefined;
}

/** `box`, unless nothing can lie in it, which is strange. */
function possible(box: Box, known: Known, path: Path, findings: Findings): Box[] {
  const name = impossible(box, known);
  if (name === undefined) return [box];
  findings.warn(
    'never-holds',
    [...path, name],
    `Found values of ${show(name)} that are not among its allowed ones`,
  );
  return [];
}
