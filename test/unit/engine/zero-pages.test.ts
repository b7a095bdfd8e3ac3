import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ZeroPages } from '../../../src/engine/methods/index.ts';
import { mapAnonymous } from '../../../src/sys/index.ts';

for (const pageSize of [1024, 4096, 65536])
  test(`exactly the zero pages are found among pages of ${pageSize} bytes`, () => {
    const pages = 40;
    using memory = mapAnonymous(pages * pageSize, 'pages');
    const zeroes = new ZeroPages(memory.bytes, memory.address, pageSize);
    const marks = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: pages - 1 }),
        fc.constantFrom(0, 3, 4, 8, pageSize / 2, pageSize - 1),
      ),
      { maxLength: 20 },
    );
    const subset = fc.uniqueArray(fc.integer({ min: 0, max: pages - 1 }), { minLength: 1 });
    fc.assert(
      fc.property(marks, subset, (written, chosen) => {
        memory.bytes.fill(0);
        for (const [page, at] of written) memory.bytes[page * pageSize + at] = 1;
        const dirty = new Set(written.map(([page]) => page));
        const asked = Int32Array.from(chosen).sort();
        const found = new Uint8Array(pages).fill(9);
        const count = zeroes.find(asked, asked.length, found);
        assert.deepEqual(
          [...found.subarray(0, asked.length)],
          [...asked].map((page) => (dirty.has(page) ? 0 : 1)),
        );
        assert.equal(count, found.subarray(0, asked.length).filter((zero) => zero === 1).length);
        assert.equal(zeroes.areZero(0, pages), dirty.size === 0);
        for (const page of asked) assert.equal(zeroes.areZero(page, 1), !dirty.has(page));
      }),
      { numRuns: pageSize > 4096 ? 30 : 100 },
    );
  });

test('a block beyond one view is looked at in all its parts', () => {
  // Nothing but the pages that are touched is there
  const length = 2 ** 30 + 2 ** 20;
  using memory = mapAnonymous(length, 'pages');
  const zeroes = new ZeroPages(memory.bytes, memory.address, 4096);
  const last = 2 ** 18;
  memory.bytes[(last + 1) * 4096 + 8] = 1;
  const found = new Uint8Array(3);
  assert.equal(zeroes.find(Int32Array.of(last - 1, last, last + 1), 3, found), 2);
  assert.deepEqual([...found], [1, 1, 0]);
});
