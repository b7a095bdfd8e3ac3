/** The checks that RAM depends on, each taken away: the tests beside notice. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

const faults: readonly (Fault & { readonly what: string; readonly test: string; readonly red: RegExp })[] = [
  {
    what: 'an offset beyond its block',
    file: 'src/engine/payloads/ram-sink.ts',
    find: 'if (offset > block.length - this.#pageSize)',
    replace: 'if (offset > block.length)',
    test: '../../hostile/multifd-packets.test.ts',
    red: /an offset that is the length of the block/,
  },
  {
    what: 'pages that nobody remembers to have taken',
    file: 'src/engine/payloads/ram-source.ts',
    find: 'this.#claims.note(word, taken);',
    replace: '',
    test: './ram.test.ts',
    red: /taken by a lost channel/,
  },
  {
    what: 'received pages that count as fresh ones',
    file: 'src/engine/payloads/ram-sink.ts',
    find: 'this.#received.addRange(page, page + length / this.#pageSize);',
    replace: '',
    test: './ram.test.ts',
    red: /zeroes are cleared/,
  },
];

for (const { what, test: file, red, ...fault } of faults)
  test(`noticed: ${what}`, () => assertTurnsRed(new URL(file, import.meta.url), fault, red));
