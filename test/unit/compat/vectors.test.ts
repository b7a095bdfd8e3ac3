/** The conformance vectors of the specification, as they stand there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Answer,
  buildList,
  type Check,
  type CompatError,
  check,
  choose,
  commandLine,
  compareLists,
  type MigrationInfo,
  type MigrationList,
  type Model,
  Pool,
  parseInfo,
  parseList,
  readInfo,
} from '../../../src/compat/index.ts';
import { implies } from '../../support/compat/verdict-oracle.ts';

const NIC = 'a.com/nic';

const PARAMS = {
  rss: { type: 'bool', init_value: true, off_value: false },
  q: { type: 'int', init_value: 4, allowed_values: ['1-8', 16] },
  fmt: { type: 'str', init_value: 'v2', off_value: 'v1', allowed_values: ['v1', 'v2'] },
  ring: { type: 'int', init_value: 256, off_value: 0 },
};

/** A program that offers the model with these parameters, and with rules where they are given. */
function nic(params: object, rules?: readonly object[]): MigrationInfo {
  return parseInfo(
    JSON.stringify({ models: { [NIC]: { params, ...(rules && { 'x-constraints': rules }) } } }),
  );
}

function nicModel(params: object): Model {
  return nic(params).models.get(NIC)!;
}

const J = nic(PARAMS);

function list(...params: string[]): MigrationList {
  return parseList({ model: NIC, params });
}

function codes({ answer, reasons }: Check): [Answer, ...string[]] {
  return [
    answer,
    ...reasons.map(({ code, parameter }) => (parameter === undefined ? code : `${code} ${parameter}`)),
  ];
}

test('1: what is not in the list is switched off', () => {
  const verdict = check(list('q=4'), J);
  assert.deepEqual(codes(verdict), ['yes']);
  assert.deepEqual(commandLine(J, verdict), ['--m-fmt=v1', '--m-q=4', '--m-ring=0', '--m-rss=off']);
});

test('2: all values are in their domains', () => {
  assert.deepEqual(codes(check(list('rss=on', 'q=16', 'fmt=v2'), J)), ['yes']);
});

test('3: a value that is not allowed; what is allowed is said', () => {
  const verdict = check(list('q=9'), J);
  assert.deepEqual(codes(verdict), ['no', 'value q']);
  assert.equal(verdict.reasons[0]?.want, '1-8, 16');
  assert.deepEqual(verdict.reasons[0]?.changes, [{ parameter: 'q', value: '8', live: false }]);
});

test('4: a parameter that the destination cannot switch off', () => {
  assert.deepEqual(codes(check(list(), J)), ['no', 'no-off-value q']);
});

test('5: another model', () => {
  assert.deepEqual(codes(check(parseList({ model: 'b.com/nic', params: ['q=4'] }), J)), ['no', 'model']);
});

test('6: a parameter that the destination does not know', () => {
  assert.deepEqual(codes(check(list('q=4', 'tso=on'), J)), ['no', 'unknown-parameter tso']);
});

test('7: nothing is said about the values, nothing is proven', () => {
  const verdict = check(list('q=4', 'ring=512'), J);
  assert.deepEqual(codes(verdict), ['unproven', 'any-value ring']);
  assert.match(verdict.reasons[0]?.remedy ?? '', /--check/);
});

test('8: a value of another type', () => {
  assert.deepEqual(codes(check(list('q=on'), J)), ['no', 'type q']);
});

test('9: models are compared byte by byte', () => {
  assert.deepEqual(codes(check(parseList({ model: 'A.com/nic', params: ['q=4'] }), J)), ['no', 'model']);
});

test('10: two meanings of absence', () => {
  const source = nicModel({ ...PARAMS, rss: { ...PARAMS.rss, off_value: true } });
  assert.deepEqual(codes(check(list('q=4'), J, { source })), ['no', 'off-value-differs rss']);
});

test('11: a rule is broken; the nearest value that keeps it is offered', () => {
  const rule = implies({ rss: [true] }, { q: [8, 16] });
  const verdict = check(list('q=4', 'rss=on'), nic(PARAMS, [rule]));
  assert.deepEqual(codes(verdict), ['no', 'constraint q']);
  assert.deepEqual(verdict.reasons[0]?.changes, [{ parameter: 'q', value: '8', live: false }]);
});

test('12: what is off is not in the list', () => {
  const model = J.models.get(NIC)!;
  const values = new Map<string, bigint | string | boolean>([
    ['fmt', 'v1'],
    ['q', 4n],
    ['ring', 256n],
    ['rss', false],
  ]);
  assert.deepEqual(
    [...buildList(model, values).parameters],
    [
      ['q', '4'],
      ['ring', '256'],
    ],
  );
});

test('13: a range whose ends are the wrong way round', () => {
  const q = { ...PARAMS.q, allowed_values: ['5-1', 4] };
  const { findings } = readInfo(JSON.stringify({ models: { [NIC]: { params: { q } } } }));
  const places = findings.filter(({ level }) => level === 'error').map(({ place }) => place);
  assert.deepEqual(places, ['/models/a.com~1nic/params/q/allowed_values/0']);
  assert.throws(
    () => nic({ q }),
    (error: CompatError) => error.code === 'ERR_COMPAT_DOCUMENT',
  );
});

test('14: 64 bits are not rounded', () => {
  const largest = '18446744073709551615';
  const wide = nic({ q: { ...PARAMS.q, allowed_values: [`0-${largest}`] } });
  const verdict = check(list(`q=${largest}`), wide);
  assert.deepEqual(codes(verdict), ['yes']);
  assert.deepEqual(commandLine(wide, verdict), [`--m-q=${largest}`]);
  assert.deepEqual(codes(check(list('q=18446744073709551616'), wide)), ['no', 'value q']);
});

/** A pool of implementations of `q`, each with its own values and initial value. */
function poolOf(
  implementations: readonly (readonly [allowed: readonly (number | string)[], init: number])[],
): Pool {
  const pool = new Pool(NIC);
  for (const [i, [allowed, init]] of implementations.entries())
    pool.add(`host${i}`, nicModel({ q: { type: 'int', init_value: init, allowed_values: allowed } }));
  return pool;
}

test('15: pairwise compatible, with no common value', () => {
  const choice = choose(
    poolOf([
      [[1, 2], 1],
      [[2, 3], 2],
      [[1, 3], 3],
    ]),
  );
  assert.equal(choice.answer, 'no');
  const [culprit, ...others] = choice.culprits;
  assert.deepEqual(others, []);
  assert.deepEqual([culprit?.parameter, culprit?.covered, culprit?.total], ['q', 2, 3]);
  assert.deepEqual([choice.kept.length, choice.leaveOut.length], [2, 1]);
});

test('16: the only initial value that all of them take', () => {
  const choice = choose(
    poolOf([
      [['1-8'], 8],
      [['4-16'], 16],
      [['2-6'], 4],
    ]),
  );
  assert.equal(choice.answer, 'yes');
  assert.deepEqual([...(choice.assignment ?? [])], [['q', 4n]]);
});

test('17: the list that fewer take is the more modern one', () => {
  const { rss: _rss, ...old } = PARAMS;
  const inventory = [
    { id: 'old', info: nic(old) },
    { id: 'new', info: J },
  ];
  const { order, support } = compareLists(list('q=4', 'rss=on'), list('q=4'), inventory);
  assert.deepEqual([order, support.a, support.b], ['newer', ['new'], ['new', 'old']]);
  assert.equal(compareLists(list('q=4'), list('q=4', 'rss=on'), inventory).order, 'older');
});

test('18: neither is taken wherever the other one is', () => {
  const inventory = [
    { id: 'A', info: nic({ q: { ...PARAMS.q, allowed_values: ['1-4', 16], off_value: 4 } }) },
    { id: 'B', info: nic({ q: { ...PARAMS.q, allowed_values: ['1-8'] }, fmt: PARAMS.fmt }) },
  ];
  const { order, support } = compareLists(list('q=16'), list('fmt=v2', 'q=4'), inventory);
  assert.deepEqual([order, support.a, support.b], ['incomparable', ['A'], ['B']]);
});
