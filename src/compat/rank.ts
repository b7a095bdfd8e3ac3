/** Which of many destinations to take: all of them in order, with why and why not. */
import { type Check, type CheckOptions, prepareCheck } from './check.ts';
import { initialValues, profileValues } from './complete.ts';
import { extreme } from './domain.ts';
import type { MigrationList } from './list.ts';
import type { Assignment, MigrationInfo, Model, Parameter } from './model.ts';
import { compareBytes, readValue, type Value } from './value.ts';
import type { Answer } from './verdict.ts';

/** A destination that may be taken. */
export interface Candidate {
  readonly id: string;
  readonly info: MigrationInfo;
  /** What the operator says for it; 0 where nothing is said. More is better. */
  readonly weight?: number | undefined;
}

/** A destination, its verdict, and what speaks for and against it beside others with the same answer. */
export interface Ranked {
  readonly id: string;
  readonly check: Check;
  /** How many of its parameters would not be what a new device has there. */
  readonly changes: number;
  /** How many of its parameters would be switched off: what it could do and this device does not need. */
  readonly unused: number;
  /**
   * What its numbers leave free above the values of the list, as a share of the largest that it takes, on average: 0 where
   * nothing is left or nothing is said.
   */
  readonly headroom: number;
  readonly weight: number;
}

/**
 * All `candidates` for a device with `list`, the best first: yes before unproven before no. Among those that can take it the
 * one with the fewest changes from its initial values, then the fewest unused parameters, then the most headroom, then
 * the greatest weight; among the others the one that the running source could be switched for, then the one with the
 * fewest reasons against it. What is equal in all this comes in the order of the ids' bytes. Each candidate is looked at
 * once. Throws `ERR_COMPAT_LIST` where `source` is another model.
 */
export function rank(
  list: MigrationList,
  candidates: Iterable<Candidate>,
  options: Pick<CheckOptions, 'source'> = {},
): Ranked[] {
  const check = prepareCheck(list, options);
  const ranked: Ranked[] = [];
  for (const { id, info, weight = 0 } of candidates) ranked.push(fitOf(id, check(info, id), weight));
  return ranked.sort(
    (a, b) =>
      PLACE[a.check.answer] - PLACE[b.check.answer] ||
      a.changes - b.changes ||
      a.unused - b.unused ||
      b.headroom - a.headroom ||
      remaining(a.check) - remaining(b.check) ||
      b.weight - a.weight ||
      compareBytes(a.id, b.id),
  );
}

const PLACE: Readonly<Record<Answer, number>> = { yes: 0, unproven: 1, no: 2 };

/** How far a no is from a yes. */
function remaining({ answer, reasons, wayOut }: Check): number {
  if (answer !== 'no') return 0;
  return wayOut === undefined ? reasons.filter((reason) => reason.answer === 'no').length : 0;
}

function fitOf(id: string, check: Check, weight: number): Ranked {
  const fit = { id, check, changes: 0, unused: 0, headroom: 0, weight };
  const { model } = check;
  if (check.answer === 'no' || model === undefined) return fit;
  const decided = check.version === undefined ? undefined : decidedBy(model, check.version);
  let numbers = 0;
  for (const parameter of model.parameters.values()) {
    const value = decided?.get(parameter.name) ?? valueIn(check.list, parameter);
    if (value !== parameter.init) fit.changes++;
    if (value === parameter.off) fit.unused++;
    if (typeof value !== 'bigint' || value === parameter.off) continue;
    numbers++;
    fit.headroom += free(parameter, value);
  }
  return { ...fit, headroom: numbers === 0 ? 0 : fit.headroom / numbers };
}

function decidedBy(model: Model, version: string): Assignment {
  return profileValues(model, version) ?? initialValues(model);
}

function valueIn(list: MigrationList, { name, type, off }: Parameter): Value | undefined {
  const text = list.parameters.get(name);
  return text === undefined ? off : readValue(type, text);
}

function free({ domain }: Parameter, value: bigint): number {
  const largest = extreme(domain, 'max');
  if (typeof largest !== 'bigint' || largest === 0n) return 0;
  return Number(largest - value) / Number(largest);
}
