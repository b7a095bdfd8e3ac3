import type { Draw } from '../../fuzz/draw.ts';
import { type Json, object } from './documents.ts';

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  '',
  'on',
  '1-2',
  '9-1',
  '01',
  '18446744073709551615',
  'bool',
  'str',
  'max',
  'a b',
  '\ud800',
  '\n',
  [],
  {},
  [[]],
  [1, '1-2'],
  { since: 1 },
];
const NAMES = [
  'type',
  'init_value',
  'off_value',
  'allowed_values',
  'params',
  'versions',
  'any',
  'if',
  'then',
  'x-since',
  '',
  'a/b',
  '..',
  'q',
  'é',
  '\ud800',
];

/** `json` with one thing in it changed, at any depth: a value, a name, something more, something less. */
export function mutated(json: Json, draw: Draw): Json {
  if (typeof json !== 'object' || json === null || draw.once(6)) return draw.pick(VALUES);
  if (isList(json)) {
    const at = draw.below(json.length + 1);
    if (at === json.length || draw.once(6))
      return [...json.slice(0, at), draw.pick(VALUES), ...json.slice(at)];
    if (draw.once(6)) return json.toSpliced(at, 1);
    return json.with(at, mutated(json[at]!, draw));
  }
  const members = Object.entries(json);
  const at = draw.below(members.length + 1);
  const member = members[at];
  if (member === undefined || draw.once(6))
    return object([...members, [draw.pick(NAMES), draw.pick(VALUES)]]);
  if (draw.once(6)) return object(members.toSpliced(at, 1));
  if (draw.once(6)) return object(members.with(at, [draw.pick(NAMES), member[1]]));
  return object(members.with(at, [member[0], mutated(member[1], draw)]));
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
