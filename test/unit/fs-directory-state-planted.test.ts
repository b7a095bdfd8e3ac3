/** The tests that guard a guest's files through a move of a shared directory see the faults that they are there for. */
import { test } from 'node:test';
import { assertTurnsRed } from '../support/planted.ts';

const faults: readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  tests: string,
  red: RegExp,
][] = [
  [
    'a file that is taken without a look at what it is',
    'load-inodes.ts',
    'if (difference !== undefined) return difference;',
    '',
    'fs-directory-mismatch',
    /is replaced by another file is refused/,
  ],
  [
    'another directory that is taken for the shared one',
    'load-inodes.ts',
    "if (difference !== undefined) throw new Mismatch('', difference);",
    '',
    'fs-directory-mismatch',
    /another directory is refused/,
  ],
  [
    'an inode number that is believed though it was given anew',
    'identity.ts',
    'if (bothBorn && (found.btime !== expected.btime || found.btimeNanos !== expected.btimeNanos))',
    'if (bothBorn && found.btime !== expected.btime)',
    'fs-directory-mismatch',
    /given the number of another one/,
  ],
  [
    'a deleted file without its contents',
    'load-carried.ts',
    "writeData(state, made, offset, fields.view(length, 'data'));",
    "fields.view(length, 'data');",
    'fs-directory-guest',
    /an open file that was deleted/,
  ],
  [
    'a deleted file that is not carried',
    'locate.ts',
    'return this.#missing(inode, inUse || inode.removed ? Place.carried : Place.gone);',
    'return this.#missing(inode, Place.gone);',
    'fs-directory-guest',
    /a deleted file that is only looked up/,
  ],
  [
    'a name that is believed though the file is elsewhere by now',
    'locate.ts',
    'if (dir < 0 || statusAt(dir, nameAddress(name)) < 0 || !inode.isDescribed) return false;',
    'if (dir < 0 || statusAt(dir, nameAddress(name)) < 0) return false;',
    'fs-directory-state',
    /files that others have renamed/,
  ],
  [
    'a name that leads upwards',
    'load-inodes.ts',
    'else if (place === Place.path) refusePath(fields, name);',
    '',
    'fs-directory-hostile',
    /a path upwards/,
  ],
  [
    'a carried file that is shorter than announced',
    'verify.ts',
    'if (xattrs > 0 || bytes > 0)',
    'if (xattrs > 0)',
    'fs-directory-hostile',
    /data that does not come/,
  ],
  [
    'descriptors that a refused state leaves open',
    'load.ts',
    'state[Symbol.dispose]();',
    '',
    'fs-directory-mismatch',
    /is removed is refused/,
  ],
  [
    'an error for more than the one file',
    'load-inodes.ts',
    'state.mismatch(parent === undefined',
    'state.share.inodes.root.lost = true; state.mismatch(parent === undefined',
    'fs-directory-mismatch',
    /is removed is an error for the guest, and nothing else/,
  ],
];

for (const [what, file, find, replace, tests, red] of faults)
  test(`seen: ${what}`, () =>
    assertTurnsRed(
      new URL(`./${tests}.test.ts`, import.meta.url),
      { file: `src/devices/fs/directory/state/${file}`, find, replace },
      red,
    ));
