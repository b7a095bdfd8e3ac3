/** The tests of the verdict see the faults that they are there for. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults: readonly [what: string, file: string, find: string, replace: string, red: RegExp][] = [
  [
    'a parameter that cannot be switched off is passed over (condition 4)',
    'check.ts',
    'return off !== undefined && contains(domain, off);',
    'return true;',
    /4: a parameter that the destination cannot switch off/,
  ],
  [
    'off values are not compared (condition 5)',
    'prepared.ts',
    'return sourceOff !== undefined && off !== undefined && sourceOff !== off;',
    'return false;',
    /10: two meanings of absence/,
  ],
  [
    'rules are not evaluated (condition 6)',
    'check.ts',
    'if (model.constraints.length > 0) ',
    'if (model.constraints.length < 0) ',
    /11: a rule is broken/,
  ],
];
for (const [what, file, find, replace, red] of faults)
  test(`planted: ${what}`, async () => {
    const fault = { file: `src/compat/${file}`, find, replace };
    await assertTurnsRed(new URL('vectors.test.ts', import.meta.url), fault, red);
  });
