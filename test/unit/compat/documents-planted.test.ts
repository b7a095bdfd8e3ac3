/** The tests of documents see the faults that they are there for. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults: readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  red: RegExp,
  test: string,
][] = [
  [
    'a member that is there twice is passed over',
    'document/text.ts',
    'if (countMembers(value) !== members)',
    'if (countMembers(value) < 0)',
    /params.*params/,
    'documents-findings.test.ts',
  ],
  [
    'text is parsed however deep it is',
    'document/text.ts',
    'if (++depth > MAX_DEPTH) {',
    'if (++depth > MAX_DOCUMENT) {',
    /nothing but opening brackets/,
    'documents-hostile.test.ts',
  ],
  [
    'what lies outside of a condition is forgotten',
    'document/rules.ts',
    'new Map([[name, complement(domain)]])',
    'new Map([[name, domain]])',
    /a rule allows what it says/,
    'rules.test.ts',
  ],
];
for (const [what, file, find, replace, red, name] of faults)
  test(`planted: ${what}`, async () => {
    const fault = { file: `src/compat/${file}`, find, replace };
    await assertTurnsRed(new URL(name, import.meta.url), fault, red);
  });
