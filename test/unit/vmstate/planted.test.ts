/** Faults in the comparison: its tests notice each. */
import { test } from 'node:test';
import { assertTurnsRed, type Fault } from '../../support/planted.ts';

const faults: [what: string, file: string, fault: Fault, red: RegExp][] = [
  [
    'versions that are not compared',
    './property.test.ts',
    {
      file: 'src/vmstate/state.ts',
      find: 'if (loads(destination, source.version)) return;',
      replace: 'return;',
    },
    /a version that the destination does not take/,
  ],
  [
    'lengths that are not compared',
    './property.test.ts',
    {
      file: 'src/vmstate/fields.ts',
      find: '} else if (source.size !== destination.size ||',
      replace: '} else if (false && source.size !== destination.size ||',
    },
    /a field of another length/,
  ],
  [
    'fields that nobody misses',
    './property.test.ts',
    { file: 'src/vmstate/gap.ts', find: 'this.#differs();', replace: '' },
    /a field that is missing/,
  ],
  [
    'subsections that nobody misses',
    './compare.test.ts',
    {
      file: 'src/vmstate/state.ts',
      find: 'else if (there === undefined) subsectionIsMissing(source, place, findings);',
      replace: 'else if (there === undefined) continue;',
    },
    /a subsection at the source alone/,
  ],
  [
    'members that are there twice',
    './decode.test.ts',
    {
      file: 'src/vmstate/decode.ts',
      find: 'if (duplicate !== undefined) throw duplicate;',
      replace: '',
    },
    /refuses a device twice/,
  ],
];

for (const [what, file, fault, red] of faults)
  test(`${what} turn red`, () => assertTurnsRed(new URL(file, import.meta.url), fault, red));
