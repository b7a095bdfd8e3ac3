/** The verdict beside a slow one written from the conditions, and what must hold whatever documents say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Answer,
  buildList,
  check,
  commandLine,
  complete,
  explainCheck,
  type MigrationInfo,
  type MigrationList,
  parseInfo,
  parseList,
  prepareCheck,
  readArguments,
} from '../../../src/compat/index.ts';
import { caseArbitrary, documentOf, MODEL } from '../../support/compat/verdict-documents.ts';
import { judge, type ListDocument, type ModelDocument } from '../../support/compat/verdict-oracle.ts';

const RANK: Readonly<Record<Answer, number>> = { no: 0, unproven: 1, yes: 2 };

function infoOf(model: ModelDocument): MigrationInfo {
  return parseInfo(documentOf({ [MODEL]: model }));
}

function listOf({ model, version, params }: ListDocument): MigrationList {
  return parseList({
    model,
    version,
    params: Object.entries(params).map(([name, value]) => `${name}=${value}`),
  });
}

/** The source, unless it is another model than the list's. */
function sourceOf(model: ModelDocument, list: ListDocument, known: boolean) {
  return known && list.model === MODEL ? infoOf(model).models.get(MODEL) : undefined;
}

test('the verdict is that of the conditions, one by one', () => {
  const seen: Record<Answer, number> = { yes: 0, no: 0, unproven: 0 };
  fc.assert(
    fc.property(caseArbitrary, ({ source, destination, list, knowsSource }) => {
      const model = sourceOf(source, list, knowsSource);
      const found = check(listOf(list), infoOf(destination), { source: model });
      assert.equal(found.answer, judge(list, { [MODEL]: destination }, model && source));
      assert.equal(found.reasons.length === 0, found.answer === 'yes');
      seen[found.answer]++;
    }),
    { numRuns: 700 },
  );
  for (const [answer, count] of Object.entries(seen)) assert.ok(count > 3, `${count} of 700 are ${answer}`);
});

test('more allowed values never make it worse', () => {
  const any = fc.record({ one: caseArbitrary, extra: caseArbitrary, open: fc.boolean() });
  fc.assert(
    fc.property(any, ({ one: { source, destination, list, knowsSource }, extra, open }) => {
      const wider = Object.entries(destination.params ?? {}).map(([name, parameter]) => {
        const more = extra.source.params?.[name];
        const widened = {
          ...parameter,
          allowed_values: [
            ...(parameter.allowed_values ?? []),
            ...(more?.type === parameter.type ? (more.allowed_values ?? []) : []),
          ],
        };
        const { allowed_values: _gone, ...opened } = parameter;
        if (parameter.allowed_values === undefined) return [name, parameter];
        return [name, open && parameter.type !== 'bool' ? opened : widened];
      });
      const more = { ...destination, ...(destination.params ? { params: Object.fromEntries(wider) } : {}) };
      const options = { source: sourceOf(source, list, knowsSource) };
      const before = check(listOf(list), infoOf(destination), options).answer;
      const after = check(listOf(list), infoOf(more), options).answer;
      // Without a list of values, what was proven is open again; it is never refused
      assert.ok(
        RANK[after] >= (open ? Math.min(RANK[before], RANK.unproven) : RANK[before]),
        `${before}, ${after}`,
      );
    }),
    { numRuns: 350 },
  );
});

test('a rule more never makes it better', () => {
  fc.assert(
    fc.property(caseArbitrary, ({ source, destination, list, knowsSource }) => {
      const { 'x-constraints': _rules, ...free } = destination;
      const options = { source: sourceOf(source, list, knowsSource) };
      const ruled = check(listOf(list), infoOf(destination), options).answer;
      assert.ok(RANK[ruled] <= RANK[check(listOf(list), infoOf(free), options).answer]);
    }),
    { numRuns: 350 },
  );
});

test('what a destination learns, and can switch off, changes no verdict', () => {
  const learned = { type: 'int', init_value: 7, off_value: 0, allowed_values: ['0-7'] } as const;
  fc.assert(
    fc.property(caseArbitrary, ({ source, destination, list, knowsSource }) => {
      if (destination.params === undefined) return;
      const options = { source: sourceOf(source, list, knowsSource) };
      const newer = { ...destination, params: { ...destination.params, learned } };
      const other = { params: { learned } };
      const info = parseInfo(documentOf({ [MODEL]: newer, 'z.org/other': other }));
      const before = check(listOf(list), infoOf(destination), options);
      // One that had no parameters knew versions alone
      if (Object.keys(destination.params).length > 0)
        assert.equal(check(listOf(list), info, options).answer, before.answer);
    }),
    { numRuns: 350 },
  );
});

test('the order of members changes nothing, and neither does being one of many', () => {
  const any = fc.record({
    one: caseArbitrary,
    keys: fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
  });
  fc.assert(
    fc.property(any, ({ one: { source, destination, list, knowsSource }, keys }) => {
      const shuffle = <T>(entries: T[]): T[] =>
        entries
          .map((entry, i) => [keys[i % 12]!, entry] as const)
          .sort(([a], [b]) => a - b)
          .map(([, entry]) => entry);
      const models = { [MODEL]: destination, 'z.org/other': { versions: ['1'] } };
      const params = Object.fromEntries(shuffle(Object.entries(list.params)));
      const options = { source: sourceOf(source, list, knowsSource) };
      const found = check(listOf(list), parseInfo(documentOf(models)), options);
      const prepared = prepareCheck(listOf({ ...list, params }), options);
      prepared(infoOf(source));
      assert.deepEqual(prepared(parseInfo(documentOf(models, shuffle))), found);
      const rows = explainCheck(listOf(list), parseInfo(documentOf(models)), options);
      assert.deepEqual(
        rows.flatMap(({ reasons }) => reasons).sort(bySaying),
        found.reasons
          .filter(({ parameter }) => rows.some((row) => row.parameter === parameter))
          .sort(bySaying),
      );
    }),
    { numRuns: 350 },
  );
});

function bySaying(a: { message: string }, b: { message: string }): number {
  return a.message < b.message ? -1 : 1;
}

test('a device that is started from a list has that list', () => {
  let [started, same] = [0, 0];
  fc.assert(
    fc.property(caseArbitrary, ({ source, destination, list: given, knowsSource }) => {
      const model = sourceOf(source, given, knowsSource);
      const info = parseInfo(documentOf({ [MODEL]: destination, 'z.org/other': { versions: ['1'] } }));
      const found = check(listOf(given), info, { source: model });
      if (found.answer === 'no') return;
      const argv = commandLine(info, found);
      const device = readArguments(info, ['--socket', 'here', ...argv]);
      assert.deepEqual(device.rest, ['--socket', 'here']);
      assert.equal(device.model, found.model);
      const list = buildList(device.model, device.values, device.version);
      if (found.version === undefined) assert.deepEqual(device.values, complete(found.list, device.model));
      else assert.equal(device.version, found.version);
      const offAlike = [...found.list.parameters.keys()].every((name) => {
        return (
          (device.model.parameters.get(name)?.off === undefined) ===
          (model?.parameters.get(name)?.off === undefined)
        );
      });
      // Both can switch off the same ones, and a device gives one text for a value: the same list, and so the same digest
      if (found.version === undefined && offAlike && model !== undefined && given.own) {
        assert.deepEqual(list.parameters, found.list.parameters);
        same++;
      }
      assert.notEqual(check(list, info, { source: device.model }).answer, 'no');
      started++;
    }),
    { numRuns: 700 },
  );
  assert.ok(started > 100 && same > 5, `${started} started, ${same} to be compared`);
});

test('a way out is one: after the switches the answer is no longer no', () => {
  let found = 0;
  fc.assert(
    fc.property(caseArbitrary, ({ source, destination, list }) => {
      const model = sourceOf(source, list, true);
      const { answer, wayOut, list: full } = check(listOf(list), infoOf(destination), { source: model });
      if (wayOut === undefined || model === undefined) return;
      assert.equal(answer, 'no');
      const params = new Map(full.parameters);
      for (const { parameter, value, live } of wayOut) {
        const { off_value: off, ...its } = source.params![parameter]!;
        assert.ok(live && its['x-live'] === 'state');
        if (off !== undefined && [String(off), off === true ? 'on' : 'off'].includes(value))
          params.delete(parameter);
        else params.set(parameter, value);
      }
      const switched = listOf({ model: MODEL, params: Object.fromEntries(params) });
      assert.notEqual(check(switched, infoOf(destination), { source: model }).answer, 'no');
      found++;
    }),
    { numRuns: 800 },
  );
  assert.ok(found > 0, `${found} ways out`);
});
