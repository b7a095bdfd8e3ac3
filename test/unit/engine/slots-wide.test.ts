/** Counts in words of shared memory that are larger than a word. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addWide, WIDE_WORDS, wide } from '../../../src/engine/slots/wide.ts';

it('counts are carried over from word to word', () => {
  const words = new Int32Array(new SharedArrayBuffer(4 * (WIDE_WORDS + 2)));
  let sum = 0;
  for (const by of [0, 1, 2 ** 31, 2 ** 31 - 2, 1, 5, 2 ** 40, 2 ** 32 - 5, 2 ** 52]) {
    addWide(words, 1, by);
    sum += by;
    assert.equal(wide(words, 1), sum);
  }
  assert.deepEqual([words[0], words.at(-1)], [0, 0], 'neighbours stay as they are');
});

it('a count that is half changed by a thread that died can be read', () => {
  const words = new Int32Array(new SharedArrayBuffer(4 * WIDE_WORDS));
  addWide(words, 0, 2 ** 32 - 1);
  words[0] = 1;
  assert.equal(wide(words, 0), 2 ** 32 - 1);
});
