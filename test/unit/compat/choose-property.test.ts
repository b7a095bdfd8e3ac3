/** Choices across arbitrary implementations, beside the verdict and beside trying everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Answer,
  buildList,
  type Choice,
  check,
  choose,
  formatList,
  type MigrationList,
  type Model,
  Pool,
} from '../../../src/compat/index.ts';
import {
  bestByTrying,
  modelOf,
  poolArbitrary,
  smallPoolArbitrary,
} from '../../support/compat/choice-pools.ts';
import { MODEL } from '../../support/compat/verdict-documents.ts';

function poolOf(models: ReadonlyMap<string, Model>): Pool {
  const pool = new Pool(MODEL);
  for (const [id, model] of models) pool.add(id, model);
  return pool;
}

/** The list of a device that `model` makes of the choice. */
function listAt(model: Model, { assignment = new Map(), version, list }: Choice): MigrationList {
  if (model.parameters.size === 0 || assignment.size === 0) return list!;
  const own = [...assignment].filter(([name]) => model.parameters.has(name));
  return buildList(model, new Map(own), version);
}

test('all who are kept have the chosen list and can move to each other', () => {
  const seen: Record<Answer, number> = { yes: 0, no: 0, unproven: 0 };
  fc.assert(
    fc.property(poolArbitrary, (implementations) => {
      const models = new Map(implementations.map(({ id, document }) => [id, modelOf(document)]));
      const choice = choose(poolOf(models));
      seen[choice.answer]++;
      assert.deepEqual([...choice.kept, ...choice.leaveOut].sort(), [...models.keys()]);
      assert.equal(choice.leaveOut.length === 0, choice.answer !== 'no');
      assert.equal(choice.reasons.length === 0, choice.answer === 'yes');
      const answers = new Set<Answer>();
      for (const from of choice.kept) {
        const source = models.get(from)!;
        const list = listAt(source, choice);
        assert.equal(formatList(list), formatList(choice.list!));
        for (const to of choice.kept) {
          const destination = { models: new Map([[MODEL, models.get(to)!]]) };
          const { answer, reasons } = check(list, destination, { source });
          assert.notEqual(answer, 'no', `${from} to ${to}: ${reasons[0]?.message}`);
          answers.add(answer);
        }
      }
      if (choice.answer !== 'no') assert.equal(answers.has('unproven'), choice.answer === 'unproven');
    }),
    { numRuns: 500 },
  );
  for (const [answer, count] of Object.entries(seen)) assert.ok(count > 3, `${count} of 500 are ${answer}`);
});

test('the order in which implementations come and go changes nothing', () => {
  const any = poolArbitrary.chain((implementations) =>
    fc.record({
      implementations: fc.constant(implementations),
      shuffled: fc.shuffledSubarray(implementations, { minLength: implementations.length }),
      passing: poolArbitrary,
      atLeast: fc.integer({ min: 1, max: implementations.length }),
    }),
  );
  fc.assert(
    fc.property(any, ({ implementations, shuffled, passing, atLeast }) => {
      const models = new Map(implementations.map(({ id, document }) => [id, modelOf(document)]));
      const pool = new Pool(MODEL);
      for (const { id, document } of passing) pool.add(`passing ${id}`, modelOf(document));
      for (const { id, document } of shuffled) pool.add(id, modelOf(document));
      for (const { id } of passing) pool.remove(`passing ${id}`);
      assert.deepEqual(choose(pool), choose(poolOf(models)));
      const some = choose(pool, { atLeast });
      assert.deepEqual(some, choose(poolOf(models), { atLeast, ids: models.keys() }));
      assert.equal(some.answer === 'no', some.kept.length < atLeast);
    }),
    { numRuns: 200 },
  );
});

test('what suits all is found where there is one, and no more are left out than without it for one parameter', () => {
  fc.assert(
    fc.property(smallPoolArbitrary, ({ documents, parameters }) => {
      const models = documents.map(modelOf);
      const choice = choose(poolOf(new Map(models.map((model, i) => [`host${i}`, model]))));
      const most = bestByTrying(models);
      assert.ok(choice.kept.length <= most, 'more are kept than take one list');
      assert.equal(choice.answer === 'yes', most === models.length);
      if (parameters === 1) assert.equal(choice.kept.length, most);
    }),
    { numRuns: 150 },
  );
});
