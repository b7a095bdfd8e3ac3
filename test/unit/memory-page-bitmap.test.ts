import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { countBits, PageBitmap } from '../../src/memory/index.ts';

const PAGES = 100;
const page = fc.integer({ min: 0, max: PAGES - 1 });

/** One step, done to a set of pages and to a plain set. */
const step = fc.oneof(
  fc.record({ what: fc.constant('add' as const), page }),
  fc.record({ what: fc.constant('take' as const), page }),
  fc.record({ what: fc.constant('range' as const), page, to: fc.integer({ min: 0, max: PAGES }) }),
  fc.record({ what: fc.constant('word' as const), word: fc.integer({ min: 0, max: 2 }), bits: fc.integer() }),
  fc.record({ what: fc.constant('clear' as const) }),
);

test('a set of pages is a set', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const bitmap = new PageBitmap(PAGES);
      const model = new Set<number>();
      for (const one of steps) {
        if (one.what === 'add') bitmap.add(one.page);
        else if (one.what === 'take') assert.equal(bitmap.take(one.page), model.has(one.page));
        else if (one.what === 'range') bitmap.addRange(one.page, one.to);
        else if (one.what === 'clear') bitmap.clear();
        const before = model.size;
        if (one.what === 'add') model.add(one.page);
        else if (one.what === 'take') model.delete(one.page);
        else if (one.what === 'range') for (let at = one.page; at < one.to; at++) model.add(at);
        else if (one.what === 'clear') model.clear();
        else {
          for (let bit = 0; bit < 32; bit++)
            if ((one.bits & (1 << bit)) !== 0) model.add(one.word * 32 + bit);
          assert.equal(bitmap.addWord(one.word, one.bits), model.size - before);
        }
        assert.equal(bitmap.count(), model.size);
        for (let at = 0; at < PAGES; at++) assert.equal(bitmap.has(at), model.has(at), `page ${at}`);
      }
    }),
  );
});

test('what is moved to another set is gone here, and counted where it is new there', () => {
  fc.assert(
    fc.property(fc.uniqueArray(page), fc.uniqueArray(page), (here, there) => {
      const from = new PageBitmap(PAGES);
      const into = new PageBitmap(PAGES);
      for (const at of here) from.add(at);
      for (const at of there) into.add(at);
      const union = new Set([...here, ...there]);
      assert.equal(from.moveTo(into), union.size - there.length);
      assert.equal(from.count(), 0);
      assert.equal(into.count(), union.size);
      for (const at of union) assert.ok(into.has(at));
    }),
  );
});

test('bits are counted', () => {
  fc.assert(
    fc.property(fc.integer(), (word) => {
      assert.equal(countBits(word), (word >>> 0).toString(2).replaceAll('0', '').length);
    }),
  );
});

test('threads that add at the same time lose nothing, and each page is taken once', async () => {
  const bitmap = new PageBitmap(32 * 64);
  const program = `
    const { workerData: { url, shared, pages, odd }, parentPort } = require('node:worker_threads');
    import(url).then(({ PageBitmap }) => {
      const bitmap = new PageBitmap(pages, shared);
      let taken = 0;
      for (let page = odd; page < pages; page += 2) bitmap.add(page);
      for (let page = 0; page < pages; page++) if (bitmap.take(page)) taken++;
      parentPort.postMessage(taken);
    });`;
  const url = new URL('../../src/memory/page-bitmap.ts', import.meta.url).href;
  const { shared, pages } = bitmap;
  const takes = await Promise.all(
    [0, 1].map(async (odd) => {
      const worker = new Worker(program, { eval: true, workerData: { url, shared, pages, odd } });
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      worker.on('message', resolve).on('error', reject);
      return promise;
    }),
  );
  assert.equal(takes[0]! + takes[1]! + bitmap.count(), pages);
});
