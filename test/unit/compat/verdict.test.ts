/** Versions, ways out, every reason at once, and what is said to people. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Check,
  CompatError,
  check,
  commandLine,
  explainCheck,
  type MigrationInfo,
  parseInfo,
  parseList,
} from '../../../src/compat/index.ts';
import { implies } from '../../support/compat/verdict-oracle.ts';

const NIC = 'a.com/nic';

const Q = { type: 'int', init_value: 4, allowed_values: ['1-8'] };
const RSS = { type: 'bool', init_value: true, off_value: false };

function info(model: object, more: object = {}): MigrationInfo {
  return parseInfo(JSON.stringify({ models: { [NIC]: model, ...more } }));
}

function list(version: string | undefined, ...params: string[]) {
  return parseList({ model: NIC, version, params });
}

function said({ answer, reasons }: Check): unknown[] {
  return [answer, ...reasons.map(({ code, parameter }) => `${code} ${parameter ?? ''}`.trim())];
}

const opaque = info({ versions: ['q1-v1', 'q64-v2'] });

test('v4: the version is all that is compared', () => {
  const verdict = check(list('q64-v2'), opaque);
  assert.deepEqual([said(verdict), verdict.version], [['yes'], 'q64-v2']);
  assert.deepEqual(commandLine(opaque, verdict), [`--migration-model=${NIC}`, '--migration-version=q64-v2']);
  const refused = check(list('q64-v3'), opaque);
  assert.deepEqual(said(refused), ['no', 'version']);
  assert.deepEqual([refused.reasons[0]?.have, refused.reasons[0]?.want], ['q64-v3', 'q1-v1, q64-v2']);
});

test('v4: without a version there is nothing to compare', () => {
  assert.deepEqual(said(check(list(undefined), opaque)), ['no', 'version']);
  assert.deepEqual(said(check(list(undefined, 'q=4'), opaque)), ['no', 'version', 'unknown-parameter q']);
  const source = opaque.models.get(NIC);
  const parameters = info({ params: { rss: RSS } });
  assert.deepEqual(said(check(list(undefined), parameters, { source })), ['no', 'version']);
  assert.deepEqual(said(check(list('q1-v1'), parameters, { source })), ['no', 'version']);
});

const profiled = (small: object) =>
  info({ params: { q: Q, rss: RSS }, profiles: { small, large: { q: 8, rss: true } } });

test('a profile that both have decides at once', () => {
  const destination = profiled({ q: 1 });
  const verdict = check(list('small', 'q=1'), destination);
  assert.deepEqual([said(verdict), verdict.version], [['yes'], 'small']);
  assert.deepEqual(commandLine(destination, verdict), [
    `--migration-model=${NIC}`,
    '--migration-version=small',
  ]);
});

test('two meanings of one profile, each parameter named', () => {
  const verdict = check(list('small', 'q=1'), profiled({ q: 2, rss: true }));
  assert.deepEqual(said(verdict), ['no', 'profile-differs q', 'profile-differs rss']);
  assert.equal(verdict.version, undefined);
  const [q, rss] = verdict.reasons;
  assert.deepEqual([q?.have, q?.want, rss?.have, rss?.want], ['1', '2', undefined, 'on']);
  assert.deepEqual(said(check(list('small', 'q=1', 'tso=on'), profiled({ q: 1 }))), [
    'no',
    'profile-differs tso',
  ]);
});

test('a version that the destination does not have: its parameters decide', () => {
  const destination = info({ params: { q: Q, rss: RSS }, versions: ['5'] });
  const verdict = check(list('4', 'q=4', 'rss=on'), destination);
  assert.deepEqual([said(verdict), verdict.version], [['yes'], undefined]);
  assert.deepEqual(commandLine(destination, verdict), ['--m-q=4', '--m-rss=on']);
  assert.deepEqual(said(check(list('4'), destination)), ['no', 'version']);
});

test('a version alone stands for the parameters that it has at the source', () => {
  const source = profiled({ q: 2 }).models.get(NIC);
  const destination = info({ params: { q: Q } });
  const verdict = check(list('small'), destination, { source });
  assert.deepEqual([said(verdict), [...verdict.list.parameters]], [['yes'], [['q', '2']]]);
  assert.deepEqual(commandLine(destination, verdict), ['--m-q=2']);
  assert.deepEqual(said(check(list('large'), destination, { source })), ['no', 'unknown-parameter rss']);
});

test('the model is named where a program has several', () => {
  const several = info({ params: { q: Q } }, { 'b.com/disk': { versions: ['1'] } });
  assert.deepEqual(commandLine(several, check(list(undefined, 'q=4'), several)), [
    `--migration-model=${NIC}`,
    '--m-q=4',
  ]);
});

test('what cannot move has no command line', () => {
  const verdict = check(list(undefined, 'q=9'), info({ params: { q: Q } }));
  assert.throws(
    () => commandLine(opaque, verdict),
    (error) => error instanceof CompatError && error.code === 'ERR_COMPAT_ARGUMENT',
  );
});

const FORMAT = { type: 'int', init_value: 2, off_value: 1, allowed_values: [1, 2], 'x-live': 'state' };

test('a way out: the running source is switched to what an older destination reads', () => {
  const source = info({ params: { q: Q, 'state-format': FORMAT } }).models.get(NIC);
  const knowing = info({
    params: { q: Q, 'state-format': { ...FORMAT, init_value: 1, allowed_values: [1] } },
  });
  const older = info({ params: { q: Q } });
  for (const destination of [knowing, older]) {
    const verdict = check(list(undefined, 'q=4', 'state-format=2'), destination, { source });
    assert.equal(verdict.answer, 'no');
    assert.deepEqual(verdict.wayOut, [{ parameter: 'state-format', value: '1', live: true }]);
    assert.equal(verdict.reasons[0]?.remedy, 'Switch state-format to 1 on the running source');
    assert.equal(check(list(undefined, 'q=4'), destination, { source }).answer, 'yes');
  }
});

test('no way out where a switch is not enough, or nothing is known of the source', () => {
  const source = info({
    params: { q: { ...Q, allowed_values: ['1-16'] }, 'state-format': FORMAT },
  }).models.get(NIC);
  const older = info({ params: { q: Q } });
  const both = check(list(undefined, 'q=9', 'state-format=2'), older, { source });
  assert.deepEqual(said(both), ['no', 'value q', 'unknown-parameter state-format']);
  assert.equal(both.wayOut, undefined);
  assert.deepEqual(both.reasons[0]?.changes, [{ parameter: 'q', value: '8', live: false }]);
  assert.equal(check(list(undefined, 'q=4', 'state-format=2'), older).wayOut, undefined);
});

test('every reason is said, what speaks against it first, with the place', () => {
  const destination = info({
    params: {
      q: Q,
      fmt: { type: 'str', init_value: 'x' },
      lro: RSS,
      must: { type: 'bool', init_value: true },
    },
    'x-constraints': [implies({ lro: [true] }, { q: [8] })],
  });
  const verdict = check(list(undefined, 'q=4', 'fmt=y', 'lro=on', 'tso=on'), destination, { where: 'host7' });
  assert.deepEqual(said(verdict), [
    'no',
    'no-off-value must',
    'constraint q',
    'unknown-parameter tso',
    'any-value fmt',
  ]);
  assert.ok(verdict.reasons.every(({ where }) => where === 'host7'));
  for (const { message, remedy } of verdict.reasons)
    for (const sentence of [message, remedy ?? message]) assert.doesNotMatch(sentence, /[.\n]$|undefined/);
});

test('a rule that cannot be evaluated proves nothing', () => {
  const names = Array.from({ length: 9 }, (_, i) => `p${i}`);
  const params = Object.fromEntries(names.map((name) => [name, { ...RSS }]));
  // Without one box of two to the ninth
  const boxes = Array.from({ length: 511 }, (_, i) =>
    Object.fromEntries(names.map((name, bit) => [name, [((i + 1) & (1 << bit)) !== 0]])),
  );
  const verdict = check(list(undefined, 'p0=on'), info({ params, 'x-constraints': [{ any: boxes }] }));
  assert.deepEqual(said(verdict), ['unproven', 'constraint-beyond']);
});

test('each broken rule is a reason; a remedy for one breaks no other', () => {
  const wide = { ...Q, allowed_values: ['0-63'], off_value: 0 };
  const rules = [
    implies({ rss: [true] }, { q: ['8-63'] }),
    { any: [{ q: ['0-9'] }, { rss: [false] }] },
    ...Array.from({ length: 20 }, (_, i) => ({ any: [{ q: [i + 20] }, { tso: [true] }] })),
  ];
  const destination = info({ params: { q: wide, rss: RSS, tso: RSS }, 'x-constraints': rules });
  const first = check(list(undefined, 'q=4', 'rss=on', 'tso=on'), destination);
  assert.deepEqual(said(first), ['no', 'constraint q']);
  assert.deepEqual(first.reasons[0]?.changes, [{ parameter: 'q', value: '8', live: false }]);
  const second = check(list(undefined, 'q=12', 'rss=on', 'tso=on'), destination);
  assert.deepEqual(second.reasons[0]?.changes, [{ parameter: 'q', value: '9', live: false }]);
  const all = check(list(undefined, 'q=4', 'rss=on'), destination);
  assert.equal(all.reasons.length, 21);
  // Looking for them takes time: what a hostile document can have looked for is bounded
  assert.equal(all.reasons.filter(({ remedy }) => remedy !== undefined).length, 4);
});

test('a source of another model is refused', () => {
  const source = info({ versions: ['1'] }, {}).models.get(NIC);
  assert.throws(
    () => check(parseList({ model: 'b.com/nic' }), opaque, { source }),
    (error) => error instanceof CompatError && error.code === 'ERR_COMPAT_MODEL',
  );
});

test('a row for each parameter of either side', () => {
  const destination = info({ params: { q: Q, rss: RSS } });
  const rows = explainCheck(list(undefined, 'q=9', 'tso=on'), destination).map(
    ({ reasons: _, ...row }) => row,
  );
  assert.deepEqual(rows, [
    {
      parameter: 'q',
      have: '9',
      allowed: '1-8',
      init: '4',
      off: undefined,
      given: undefined,
      answer: 'no',
      note: 'The destination does not take q=9; it takes 1-8',
    },
    {
      parameter: 'rss',
      have: undefined,
      allowed: 'on, off',
      init: 'on',
      off: 'off',
      given: 'off',
      answer: 'yes',
      note: 'Not in the list: switched off at the destination',
    },
    {
      parameter: 'tso',
      have: 'on',
      allowed: undefined,
      init: undefined,
      off: undefined,
      given: undefined,
      answer: 'no',
      note: 'The destination does not know tso',
    },
  ]);
});
