/** Which list is more modern: a partial order that invents nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareLists,
  generation,
  type MigrationInfo,
  type MigrationList,
  type Order,
  parseInfo,
  parseList,
} from '../../../src/compat/index.ts';
import { documentOf, listArbitrary, MODEL, modelArbitrary } from '../../support/compat/verdict-documents.ts';
import type { ListDocument } from '../../support/compat/verdict-oracle.ts';

function infoOf(model: object): MigrationInfo {
  return parseInfo(JSON.stringify({ models: { [MODEL]: model } }));
}

function list(...params: string[]): MigrationList {
  return parseList({ model: MODEL, params });
}

const params = {
  q: {
    type: 'int',
    init_value: 4,
    allowed_values: ['1-64'],
    'x-since': { since: 1, values: [{ allowed_values: ['9-64'], since: 4 }] },
  },
  rss: { type: 'bool', init_value: true, off_value: false, 'x-since': 3 },
  tso: { type: 'bool', init_value: true, off_value: false, 'x-since': 3 },
  old: { type: 'bool', init_value: true, off_value: false },
};
const full = infoOf({ params, profiles: { v1: { q: 4 }, v2: { q: 4, rss: true } } });
const model = full.models.get(MODEL)!;

test('the generation of a list is the latest revision that it needs', () => {
  assert.equal(generation(list('q=4'), model), 1);
  assert.equal(generation(list('q=4', 'rss=on'), model), 3);
  assert.equal(generation(list('q=16'), model), 4);
  assert.equal(generation(list('old=on'), model), 0);
  assert.equal(generation(parseList({ model: MODEL, version: 'v2' }), model), 3);
  assert.equal(generation(list('q=4', 'unheard=on'), model), undefined);
  assert.equal(generation(parseList({ model: MODEL, version: 'v9' }), model), undefined);
  assert.equal(
    generation(list('old=on'), infoOf({ params: { old: params.old } }).models.get(MODEL)!),
    undefined,
  );
});

test('where the same implementations take both, the revision decides, then what is in effect', () => {
  const inventory = [
    { id: 'a', info: full },
    { id: 'b', info: full },
  ];
  const order = (one: MigrationList, other: MigrationList) => {
    const { order, support, generation } = compareLists(one, other, inventory);
    return [order, support.order, generation.order];
  };
  assert.deepEqual(order(list('q=4', 'rss=on'), list('q=4')), ['newer', 'same', 'newer']);
  assert.deepEqual(order(list('q=4', 'rss=on', 'tso=on'), list('q=4', 'rss=on')), ['newer', 'same', 'newer']);
  assert.deepEqual(order(list('q=4', 'rss=on'), list('q=4', 'tso=on')), [
    'incomparable',
    'same',
    'incomparable',
  ]);
  assert.deepEqual(order(list('q=4'), list('q=4')), ['same', 'same', 'same']);
});

test('without revisions nothing but support tells', () => {
  const bare = infoOf({ params: { old: params.old, rss: { ...params.rss, 'x-since': undefined } } });
  const { order, generation: byGeneration } = compareLists(list('rss=on'), list('old=on'), [
    { id: 'a', info: bare },
  ]);
  assert.deepEqual([order, byGeneration.order], ['same', 'incomparable']);
});

test('those who may take a list are named, and count where that is asked for', () => {
  const open = infoOf({ params: { ring: { type: 'int', init_value: 4, off_value: 0 } } });
  const lists = [list('ring=512'), list('ring=4')] as const;
  const strict = compareLists(...lists, [{ id: 'a', info: open }]);
  assert.deepEqual([strict.order, strict.support.a, strict.support.unprovenA], ['newer', [], ['a']]);
  assert.equal(compareLists(...lists, [{ id: 'a', info: open }], { unproven: 'supports' }).order, 'same');
});

test('lists of different models are not compared', () => {
  const other = parseList({ model: 'b.com/nic' });
  assert.equal(compareLists(list('q=4'), other, [{ id: 'a', info: full }]).order, 'incomparable');
});

const REVERSE: Readonly<Record<Order, Order>> = {
  newer: 'older',
  older: 'newer',
  same: 'same',
  incomparable: 'incomparable',
};

test('it is a partial order, by support, by generation and by both', () => {
  const any = fc.array(modelArbitrary, { minLength: 1, maxLength: 4 }).chain((models) =>
    fc.record({
      models: fc.constant(models.map((one, i) => withRevisions(one, i))),
      lists: fc.array(fc.constantFrom(...models).chain(listArbitrary), { minLength: 3, maxLength: 3 }),
      unproven: fc.constantFrom('supports' as const, 'not' as const),
    }),
  );
  const seen: Record<Order, number> = { newer: 0, older: 0, same: 0, incomparable: 0 };
  fc.assert(
    fc.property(any, ({ models, lists, unproven }) => {
      const inventory = models.map((one, i) => ({
        id: `host${i}`,
        info: parseInfo(documentOf({ [MODEL]: one })),
      }));
      const [a, b, c] = lists.map(listOf) as [MigrationList, MigrationList, MigrationList];
      const orders = (one: MigrationList, other: MigrationList) => {
        const { order, support, generation } = compareLists(one, other, inventory, { unproven });
        return { order, support: support.order, generation: generation.order };
      };
      const [ab, ba, bc, ac, aa] = [orders(a, b), orders(b, a), orders(b, c), orders(a, c), orders(a, a)];
      seen[ab.order]++;
      for (const by of ['order', 'support', 'generation'] as const) {
        if (by !== 'generation' || aa.generation !== 'incomparable') assert.equal(aa[by], 'same', by);
        assert.equal(ba[by], REVERSE[ab[by]], by);
        const steps = new Set([ab[by], bc[by]]);
        if (steps.has('incomparable') || (steps.has('newer') && steps.has('older'))) continue;
        const expected = steps.has('newer') ? 'newer' : steps.has('older') ? 'older' : 'same';
        assert.equal(ac[by], expected, `${by}: ${ab[by]}, then ${bc[by]}`);
      }
    }),
    { numRuns: 300 },
  );
  for (const [order, count] of Object.entries(seen)) assert.ok(count > 3, `${count} of 300 are ${order}`);
});

function listOf({ model: name, version, params: given }: ListDocument): MigrationList {
  return parseList({
    model: name,
    version,
    params: Object.entries(given).map(([p, value]) => `${p}=${value}`),
  });
}

/** The document, with revisions for its parameters by their names, so that all documents agree about them. */
function withRevisions<T extends { readonly params?: Readonly<Record<string, object>> }>(
  document: T,
  i: number,
): T {
  if (document.params === undefined || i === 3) return document;
  const annotated = Object.entries(document.params).map(([name, one]) => [
    name,
    { ...one, 'x-since': name.length % 4 },
  ]);
  return { ...document, params: Object.fromEntries(annotated) };
}
