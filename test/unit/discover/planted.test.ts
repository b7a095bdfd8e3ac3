/** The tests that guard devices against half of a list, and plans against stale documents, see the faults they are for. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults: readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  tests: string,
  red: RegExp,
][] = [
  [
    'a list that is applied although it does not fit',
    'sysfs/apply.ts',
    "verdict.answer === 'no' || verdict.model === undefined",
    'verdict.model === undefined',
    'apply',
    /refused before anything is written/,
  ],
  [
    'a device that stays behind when it was made in vain',
    'sysfs/apply.ts',
    "await files.write(join(device, 'remove'), '1');",
    '',
    'apply',
    /removes it again/,
  ],
  [
    'values that are not read back',
    'sysfs/apply.ts',
    'if (found !== undefined && same(',
    'if (found !== undefined || same(',
    'apply',
    /took another value than was written/,
  ],
  [
    'a cache that takes any entry for the right one',
    'cache.ts',
    'kept.key === key && ',
    '',
    'cache',
    /runs it again where anything has changed/,
  ],
];

for (const [what, file, find, replace, tests, red] of faults)
  test(`${what} is seen`, async () => {
    const testFile = new URL(`./${tests}.test.ts`, import.meta.url);
    await assertTurnsRed(testFile, { file: `src/discover/${file}`, find, replace }, red);
  });
