/** The tests of the choice see the faults that they are there for. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults: readonly [what: string, file: string, find: string, replace: string, red: RegExp][] = [
  [
    'different off values count as one',
    'common.ts',
    'if (common.off !== undefined && off !== undefined && common.off !== off) return undefined;',
    '',
    /different off values are two meanings of absence/,
  ],
  [
    'an off value is chosen that one cannot be told by absence',
    'common.ts',
    'return fixed && off !== undefined ? ',
    'return fixed && off === undefined ? ',
    /where one cannot switch it off/,
  ],
  [
    'rules between parameters are not kept',
    'search.ts',
    "!== 'no')) return liked;",
    "!== 'yes') || true) return liked;",
    /rules between parameters move as little as they must/,
  ],
];
for (const [what, file, find, replace, red] of faults)
  test(`planted: ${what}`, async () => {
    const fault = { file: `src/compat/choice/${file}`, find, replace };
    await assertTurnsRed(new URL('choose.test.ts', import.meta.url), fault, red);
  });
