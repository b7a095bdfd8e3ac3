/** Destinations in order, with why and why not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  check,
  type MigrationInfo,
  parseInfo,
  parseList,
  type Ranked,
  rank,
} from '../../../src/compat/index.ts';
import { documentOf, listArbitrary, MODEL, modelArbitrary } from '../../support/compat/verdict-documents.ts';

function gfx(params: object): MigrationInfo {
  return parseInfo(JSON.stringify({ models: { [MODEL]: { params } } }));
}

function memory(init: number, allowed?: readonly (number | string)[], more: object = {}): object {
  return { type: 'int', init_value: init, ...(allowed ? { allowed_values: allowed } : {}), ...more };
}

const feature = { type: 'bool', init_value: true, off_value: false };

function order(candidates: Readonly<Record<string, MigrationInfo>>, ...params: string[]): string[] {
  const list = parseList({ model: MODEL, params });
  return rank(
    list,
    Object.entries(candidates).map(([id, info]) => ({ id, info })),
  ).map(({ id }) => id);
}

test('the type that is made for it comes before one that could be set to it', () => {
  const fixed = gfx({ memory: memory(4096, [4096]) });
  const variable = gfx({ memory: memory(8192, ['1024-16384']) });
  assert.deepEqual(order({ 'a variable': variable, 'gfx-4GB': fixed }, 'memory=4096'), [
    'gfx-4GB',
    'a variable',
  ]);
});

test('then the one with fewer features that nobody needs, the one with more room, the heavier, the first id', () => {
  const plain = { memory: memory(4, ['1-8']) };
  const roomy = gfx({ memory: memory(4, ['1-64']) });
  const rich = gfx({ ...plain, feature: { ...feature, init_value: false } });
  assert.deepEqual(order({ a: rich, b: gfx(plain), c: roomy }, 'memory=4'), ['c', 'b', 'a']);
  const list = parseList({ model: MODEL, params: ['memory=4'] });
  const same = ['y', 'x', 'w'].map((id) => ({ id, info: roomy, ...(id === 'y' ? { weight: 2 } : {}) }));
  const ranked = rank(list, same);
  assert.deepEqual(
    ranked.map(({ id, weight }) => [id, weight]),
    [
      ['y', 2],
      ['w', 0],
      ['x', 0],
    ],
  );
  assert.deepEqual(
    ranked.map(({ changes, unused, headroom }) => [changes, unused, headroom]),
    Array(3).fill([0, 0, 60 / 64]),
  );
});

test('yes before unproven before no, and of these the one that needs the least', () => {
  const candidates = {
    'a: two reasons': gfx({ memory: memory(1, [1]), other: memory(1, [1]) }),
    'b: one reason': gfx({ memory: memory(1, [1]) }),
    'c: nothing said': gfx({ memory: memory(1) }),
    'd: fits': gfx({ memory: memory(1, ['1-8']) }),
    'e: another model': parseInfo('{"models": {"b.com/nic": {"params": {}}}}'),
  };
  assert.deepEqual(order(candidates, 'memory=4'), [
    'd: fits',
    'c: nothing said',
    'b: one reason',
    'e: another model',
    'a: two reasons',
  ]);
});

test('one that a switch of the running source would help is the nearest no', () => {
  const format = { type: 'int', init_value: 2, off_value: 1, allowed_values: [1, 2], 'x-live': 'state' };
  const source = gfx({ format }).models.get(MODEL)!;
  const candidates = [
    { id: 'a', info: gfx({ format: { ...format, init_value: 3, off_value: 3, allowed_values: [3] } }) },
    { id: 'b', info: gfx({}) },
  ];
  const list = parseList({ model: MODEL, params: ['format=2'] });
  const [first] = rank(list, candidates, { source });
  assert.equal(first?.id, 'b');
  assert.deepEqual(first?.check.wayOut, [{ parameter: 'format', value: '1', live: true }]);
});

test('each candidate has its own verdict, and the order does not depend on that of the candidates', () => {
  const any = fc.array(modelArbitrary, { minLength: 1, maxLength: 5 }).chain((models) =>
    fc.record({
      candidates: fc.shuffledSubarray(
        models.map((one, i) => ({
          id: `host${i}`,
          info: parseInfo(documentOf({ [MODEL]: one })),
          weight: i % 2,
        })),
        { minLength: models.length },
      ),
      list: listArbitrary(models[0]!),
    }),
  );
  fc.assert(
    fc.property(any, ({ candidates, list: { model, version, params } }) => {
      const list = parseList({
        model,
        version,
        params: Object.entries(params).map(([name, value]) => `${name}=${value}`),
      });
      const ranked = rank(list, candidates);
      assert.deepEqual(
        ranked,
        rank(
          list,
          candidates.toSorted((a, b) => a.id.localeCompare(b.id)),
        ),
      );
      const places = ranked.map(({ check: { answer } }) => ['yes', 'unproven', 'no'].indexOf(answer));
      assert.deepEqual(places, places.toSorted());
      for (const one of ranked) assert.deepEqual(one.check, verdictOn(one));
      function verdictOn({ id }: Ranked) {
        return check(list, candidates.find((candidate) => candidate.id === id)!.info, { where: id });
      }
    }),
    { numRuns: 200 },
  );
});
