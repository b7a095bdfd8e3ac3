/** Without its bounds the ledgers of slots break: the tests beside this file would notice. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults: readonly (readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  tests: string,
  red: RegExp,
])[] = [
  [
    'a slot for every buffer that comes',
    'receive-ledger',
    'if (index < this.words[at + CREDIT]! >>> 0) return',
    'if (index >= 0) return',
    'slots-receive',
    /load every device in order/,
  ],
  [
    'more slots given out than there are',
    'shares',
    'let left = slots;',
    'let left = slots + devices;',
    'slots-receive',
    /load every device in order/,
  ],
  [
    'channels that wait for a loader that is stuck',
    'receive-ledger',
    'this.words[at + STUCK] === ((this.#sequences.next(d) + 1) | 0)',
    'false',
    'slots-receive',
    /let all others finish/,
  ],
  [
    'slots that are free when they were written, though nobody knows whether they came',
    'send-ledger',
    'if (this.words[KEEP] === 0 || this.#isReceived(slot))',
    'if (slot >= 0)',
    'slots-send',
    /lose nothing with channels that break/,
  ],
  [
    'buffers sent beyond the credit',
    'send-ledger',
    'if (table.indexOf(slot) >= words[at + ALLOWED]! >>> 0) continue;',
    '',
    'slots-send',
    /keep to credits/,
  ],
];

for (const [what, file, find, replace, tests, red] of faults)
  test(`seen: ${what}`, () =>
    assertTurnsRed(
      new URL(`./${tests}.test.ts`, import.meta.url),
      { file: `src/engine/slots/${file}.ts`, find, replace },
      red,
    ));
