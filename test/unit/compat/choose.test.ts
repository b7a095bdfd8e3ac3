/** Choosing parameters across implementations: each rule on its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Choice,
  CompatError,
  choose,
  formatList,
  type Model,
  Pool,
  parseInfo,
} from '../../../src/compat/index.ts';
import { implies } from '../../support/compat/verdict-oracle.ts';

const NIC = 'a.com/nic';

/** A model with these parameters, and with rules, versions and profiles where they are given. */
function nic(params: object, more: object = {}): Model {
  return parseInfo(JSON.stringify({ models: { [NIC]: { params, ...more } } })).models.get(NIC)!;
}

function pool(models: Readonly<Record<string, Model>>): Pool {
  const made = new Pool(NIC);
  for (const [id, model] of Object.entries(models)) made.add(id, model);
  return made;
}

function queues(allowed: readonly (number | string)[], init: number, more: object = {}): object {
  return { type: 'int', init_value: init, allowed_values: allowed, ...more };
}

const rss = { type: 'bool', init_value: true, off_value: false };

/** What was chosen, as in a list, and why. */
function told({ answer, assignment, chosen }: Choice): [answer: string, ...chosen: string[]] {
  assert.deepEqual(
    [...(assignment ?? new Map()).keys()],
    chosen.map(({ parameter }) => parameter),
  );
  return [answer, ...chosen.map(({ parameter, value, rule }) => `${parameter}=${value} ${rule}`)];
}

test('the newest profile that all take comes first, and is named where all have it', () => {
  const params = {
    fmt: { type: 'str', init_value: 'c', off_value: 'a', allowed_values: ['a', 'b', 'c'] },
    rss,
  };
  const profiles = { v1: { fmt: 'a' }, v2: { fmt: 'b', rss: true }, v3: { fmt: 'c', rss: true } };
  const old = nic(
    { fmt: { ...params.fmt, init_value: 'b', allowed_values: ['a', 'b'] }, rss },
    { profiles: { v1: profiles.v1, v2: profiles.v2 } },
  );
  const choice = choose(pool({ new: nic(params, { profiles }), old }));
  assert.deepEqual(told(choice), ['yes', 'fmt=b profile', 'rss=on profile']);
  assert.equal(choice.version, 'v2');
  assert.deepEqual(
    choice.givenUp.map(({ parameter, value, chosen, because }) => [parameter, value, chosen, because]),
    [['fmt', 'c', 'b', ['old']]],
  );
  const bare = nic({ fmt: { ...params.fmt, init_value: 'a', allowed_values: ['a', 'b'] }, rss });
  const unnamed = choose(pool({ new: nic(params, { profiles }), bare }));
  assert.deepEqual(told(unnamed), ['yes', 'fmt=b profile', 'rss=on profile']);
  assert.equal(unnamed.version, undefined);
});

test('what one lacks is switched off for all, and said to be given up because of it', () => {
  const choice = choose(
    pool({
      host1: nic({ q: queues(['1-8'], 4), rss }),
      host2: nic({ q: queues(['1-8'], 4), rss }),
      host7: nic({ q: queues(['1-8'], 4) }),
    }),
  );
  assert.deepEqual(told(choice), ['yes', 'q=4 modern', 'rss=off off']);
  assert.equal(formatList(choice.list!), 'a.com/nic\nq=4\n');
  assert.deepEqual(choice.givenUp, [
    {
      parameter: 'rss',
      value: 'on',
      chosen: 'off',
      because: ['host7'],
      message: 'rss=off and not on: host7 lacks it',
    },
  ]);
});

test('one that lacks what the others cannot switch off cannot take part', () => {
  const choice = choose(
    pool({
      a: nic({ q: queues([1, 2], 2), r: queues([1], 1) }),
      b: nic({ q: queues([1], 1), r: queues([1], 1) }),
      c: nic({ r: queues([1], 1) }),
    }),
  );
  assert.equal(choice.answer, 'no');
  assert.deepEqual(
    choice.culprits.map(({ kind, parameter, leaveOut }) => [kind, parameter, leaveOut]),
    [['missing', 'q', ['c']]],
  );
  assert.deepEqual(choice.leaveOut, ['c']);
  assert.deepEqual(
    choice.reasons.map(({ code }) => code),
    ['unknown-parameter'],
  );
  assert.equal(formatList(choice.list!), 'a.com/nic\nq=1\nr=1\n');
});

test('different off values are two meanings of absence', () => {
  const off = (value: number) => nic({ q: queues(['0-8'], 4, { off_value: value }) });
  const choice = choose(pool({ a: off(0), b: off(0), c: off(1), d: nic({ q: queues(['2-4'], 2) }) }));
  assert.deepEqual(
    choice.culprits.map(({ kind, leaveOut }) => [kind, leaveOut]),
    [['off-value-differs', ['c']]],
  );
  assert.deepEqual(choice.leaveOut, ['c']);
  assert.deepEqual(
    choice.reasons.map(({ code }) => code),
    ['off-value-differs'],
  );
});

test('where one cannot switch it off, the off value of the others suits nobody', () => {
  const fixed = nic({ q: queues([0, 2], 0) });
  const choice = choose(pool({ a: nic({ q: queues(['0-4'], 0, { off_value: 0 }) }), b: fixed }));
  assert.deepEqual(told(choice), ['yes', 'q=2 nearest']);
});

test('different types do not agree', () => {
  const choice = choose(
    pool({
      a: nic({ q: queues([1], 1) }),
      b: nic({ q: queues([1], 1) }),
      c: nic({ q: { type: 'str', init_value: '1' } }),
    }),
  );
  assert.deepEqual(
    choice.culprits.map(({ kind, leaveOut }) => [kind, leaveOut]),
    [['type', ['c']]],
  );
});

test('bigger is chosen only where x-prefer asks for it', () => {
  const plain = choose(pool({ a: nic({ q: queues(['1-64'], 4) }), b: nic({ q: queues(['1-32'], 4) }) }));
  assert.deepEqual(told(plain), ['yes', 'q=4 modern']);
  for (const [prefer, value] of [
    ['max', 32],
    ['min', 1],
  ] as const) {
    const asked = choose(
      pool({
        a: nic({ q: queues(['1-64'], 4, { 'x-prefer': prefer }) }),
        b: nic({ q: queues(['1-32'], 4) }),
      }),
    );
    assert.deepEqual(told(asked), ['yes', `q=${value} prefer`]);
    assert.deepEqual(asked.givenUp, []);
  }
  const open = { type: 'int', init_value: 4, off_value: 0, 'x-prefer': 'max' };
  assert.deepEqual(told(choose(pool({ a: nic({ q: open }) }))), ['yes', 'q=4 modern']);
  const bounded = nic({ q: queues(['0-32'], 4, { off_value: 0 }) });
  assert.deepEqual(told(choose(pool({ a: nic({ q: open }), bounded }))), ['unproven', 'q=32 prefer']);
});

test('the initial value of the one with the latest revision comes before that of most', () => {
  const old = nic({ q: queues(['1-8'], 4) });
  const late = nic({ q: queues(['1-8'], 6, { 'x-since': 3 }) });
  assert.deepEqual(told(choose(pool({ a: old, b: old, c: late }))), ['yes', 'q=6 modern']);
  const narrow = nic({ q: queues(['1-5'], 4) });
  const choice = choose(pool({ a: narrow, b: old, c: late }));
  assert.deepEqual(told(choice), ['yes', 'q=4 common']);
  assert.equal(choice.givenUp[0]?.message, 'q=4 and not 6: a refuses it');
});

test('rules between parameters move as little as they must', () => {
  const rules = { 'x-constraints': [implies({ rss: [true] }, { q: [8, 16] })] };
  const bound = nic({ q: queues(['1-8', 16], 8), rss }, rules);
  const free = nic({ q: queues(['1-8'], 4, { 'x-since': 2 }), rss });
  const choice = choose(pool({ bound, free }));
  assert.deepEqual(told(choice), ['yes', 'q=4 modern', 'rss=off off']);
  assert.match(choice.givenUp[0]?.message ?? '', /^rss=off and not on: a rule/);
});

test('rules that contradict each other leave some out', () => {
  const only = (values: number[]) => ({ 'x-constraints': [implies({ rss: [true, false] }, { q: values })] });
  const choice = choose(
    pool({
      a: nic({ q: queues(['1-8'], 2), rss }, only([2])),
      b: nic({ q: queues(['1-8'], 2), rss }, only([2, 3])),
      c: nic({ q: queues(['1-8'], 5), rss }, only([5])),
    }),
  );
  assert.equal(choice.answer, 'no');
  assert.deepEqual(choice.leaveOut, ['c']);
  assert.deepEqual(
    choice.culprits.map(({ kind, leaveOut }) => [kind, leaveOut]),
    [['constraint', ['c']]],
  );
});

test('more boxes than are looked at: unproven where nothing was found, yes where something was', () => {
  const pairs = Array.from({ length: 12 }, (_, i) => [`a${i}`, `b${i}`] as const);
  // Of each pair one is 0: 4096 boxes, and the first 256 have a 0 in all of a0 to a3
  const rules = pairs.map(([a, b]) => ({ any: [{ [a]: [0] }, { [b]: [0] }] }));
  const params = (init: number, z: number[]) => ({
    ...Object.fromEntries(pairs.flat().map((name) => [name, queues([0, 1], init, { 'x-since': init })])),
    z: queues(z, z[0]!),
  });
  const late = nic(params(1, [1]));
  const found = choose(pool({ wide: nic(params(0, [0, 1]), { 'x-constraints': rules }), late }));
  assert.equal(found.answer, 'yes');
  assert.equal(found.chosen.filter(({ value }) => value === '0').length, 12);
  const bound = {
    'x-constraints': [...rules, ...[0, 1, 2, 3].map((i) => implies({ z: [1] }, { [`a${i}`]: [1] }))],
  };
  const missed = choose(pool({ wide: nic(params(0, [0, 1]), bound), late }));
  assert.equal(missed.answer, 'unproven');
  assert.deepEqual(new Set(missed.reasons.map(({ code }) => code)), new Set(['constraint-beyond']));
});

test('what nobody says for certain is unproven', () => {
  const ring = (init: number, more: object = {}) =>
    nic({ ring: { type: 'int', init_value: init, off_value: 0, ...more } });
  const choice = choose(pool({ a: ring(256, { 'x-since': 2 }), b: ring(512) }));
  assert.deepEqual(told(choice), ['unproven', 'ring=256 modern']);
  assert.deepEqual(
    choice.reasons.map(({ code, where }) => [code, where]),
    [['any-value', 'b']],
  );
  assert.deepEqual(told(choose(pool({ a: ring(256), b: ring(256) }))), ['yes', 'ring=256 modern']);
});

test('versions alone (v4): the newest that all have, else the one of most', () => {
  const versions = (...names: string[]) =>
    parseInfo(JSON.stringify({ models: { [NIC]: { versions: names } } })).models.get(NIC)!;
  const choice = choose(
    pool({ a: versions('v1', 'v2', 'v3'), b: versions('v1', 'v2'), c: versions('v2', 'v1') }),
  );
  assert.deepEqual([choice.answer, choice.version, choice.assignment?.size], ['yes', 'v2', 0]);
  const none = choose(pool({ a: versions('v1'), b: versions('v1'), c: versions('v2') }));
  assert.deepEqual([none.answer, none.version, none.leaveOut], ['no', 'v1', ['c']]);
  assert.deepEqual(
    none.culprits.map(({ kind, bestValue, covered }) => [kind, bestValue, covered]),
    [['version', 'v1', 2]],
  );
});

test('enough is the most modern that so many take', () => {
  const models = {
    a: nic({ q: queues(['1-16'], 16, { 'x-since': 3 }) }),
    b: nic({ q: queues(['1-16'], 8, { 'x-since': 2 }) }),
    c: nic({ q: queues(['1-8'], 8, { 'x-since': 1 }) }),
    d: nic({ q: queues([1], 1) }),
  };
  const chosen = (atLeast?: number) => {
    const {
      answer,
      chosen: [q],
      leaveOut,
    } = choose(pool(models), atLeast === undefined ? {} : { atLeast });
    return [answer, q?.value, leaveOut];
  };
  assert.deepEqual(chosen(2), ['yes', '16', ['c', 'd']]);
  assert.deepEqual(chosen(3), ['yes', '8', ['d']]);
  assert.deepEqual(chosen(4), ['yes', '1', []]);
  assert.deepEqual(chosen(), ['yes', '1', []]);
});

test('a policy names those that it is for', () => {
  const made = pool({
    a: nic({ q: queues([4], 4) }),
    b: nic({ q: queues([4], 4) }),
    c: nic({ q: queues([1], 1) }),
  });
  const choice = choose(made, { ids: ['b', 'a'] });
  assert.deepEqual([choice.answer, choice.total, choice.kept], ['yes', 2, ['a', 'b']]);
});

test('what cannot be asked for is refused by name', () => {
  const made = pool({ a: nic({ rss }) });
  const refused = (code: string, field: string) => (error: unknown) =>
    error instanceof CompatError && error.code === code && error.field === field;
  assert.throws(() => choose(new Pool(NIC)), refused('ERR_COMPAT_ARGUMENT', 'atLeast'));
  assert.throws(() => choose(made, { atLeast: 2 }), refused('ERR_COMPAT_ARGUMENT', 'atLeast'));
  assert.throws(() => choose(made, { atLeast: 0.5 }), refused('ERR_COMPAT_ARGUMENT', 'atLeast'));
  assert.throws(() => choose(made, { ids: ['a', 'z'] }), refused('ERR_COMPAT_ARGUMENT', 'z'));
  assert.throws(() => made.add('a', nic({ rss })), refused('ERR_COMPAT_ARGUMENT', 'a'));
  assert.throws(() => new Pool('a.com/other').add('a', nic({ rss })), refused('ERR_COMPAT_MODEL', 'a'));
});

test('descriptions that would read alike are told apart', () => {
  const fmt = (allowed: string[], more: object = {}) =>
    nic({ fmt: { type: 'str', init_value: allowed.at(-1), allowed_values: allowed, ...more } });
  const made = pool({ a: fmt(['0'], { 'x-since': 3 }), b: fmt(['3', '0']), c: fmt(['3']) });
  assert.deepEqual(told(choose(made, { ids: ['b', 'c'] })), ['yes', 'fmt=3 common']);
});

test('what is removed no longer counts, and its place is used again', () => {
  const made = pool({ a: nic({ q: queues([4], 4) }), b: nic({ q: queues([1], 1) }) });
  assert.equal(choose(made).answer, 'no');
  assert.equal(made.remove('b'), true);
  assert.equal(made.remove('b'), false);
  assert.deepEqual([made.size, made.has('b'), made.ids()], [1, false, ['a']]);
  assert.deepEqual(told(choose(made)), ['yes', 'q=4 modern']);
  for (let i = 0; i < 1000; i++) {
    made.add('c', nic({ q: queues([4, 5 + i], 4) }));
    made.remove('c');
  }
  assert.ok(made.variants.stances.length <= 3, `${made.variants.stances.length} descriptions are kept`);
});

test('rules that are made to be slow come to an end', () => {
  const names = Array.from({ length: 128 }, (_, i) => `p${i}`);
  const params = Object.fromEntries(names.map((name) => [name, queues(['0-9'], 0)]));
  const split = { any: names.map((name) => ({ [name]: [0, 2] })) };
  // Of each rule the last box alone has anything of a box that is left
  const rules = names.slice(0, 40).map((_, r) => ({
    any: names.map((_name, b) => ({ p0: [b === 127 ? 0 : 1], [`p${(r + b) % 128}`]: ['0-8'] })),
  }));
  const wide = nic(params, { 'x-constraints': [split, ...rules] });
  const fixed = { p0: queues([0, 9], 9, { 'x-since': 1 }) };
  const others = names.slice(1).map((name) => [name, queues(['0-9'], 9, { 'x-since': 1 })]);
  const choice = choose(pool({ wide, late: nic({ ...fixed, ...Object.fromEntries(others) }) }));
  assert.equal(choice.answer, 'yes');
  assert.equal(choice.assignment?.get('p0'), 0n);
});
