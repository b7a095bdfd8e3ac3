/** The tests that guard the guest's data, and the device against the guest, see the faults they are there for. */
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
    'a reference that is not counted',
    'operations/answers.ts',
    'inode.lookups++;',
    '',
    'fs-names',
    /counts a reference each time/,
  ],
  [
    'a deleted file that is freed while it is open',
    'tree/inode.ts',
    'this.nlink === 0 && this.lookups === 0 && this.opens === 0',
    'this.nlink === 0 && this.lookups === 0',
    'fs-data',
    /a deleted file is read and written through its handle/,
  ],
  [
    'a handle that serves any node',
    'tree/file-system.ts',
    'file !== undefined && file.inode.ino === ino ? file : undefined',
    'file',
    'fs-hostile',
    /handles that are not there, or of another node/,
  ],
  [
    'a reply that is not measured against its room',
    'serving/dispatch.ts',
    ' || writable.length < operation.room',
    '',
    'fs-hostile',
    /with too little room for its reply/,
  ],
  [
    'positions that are used again',
    'tree/directory.ts',
    'this.nextCookie = Math.max(this.nextCookie, cookie + 1);',
    'this.nextCookie = this.#size + FIRST_COOKIE;',
    'fs-directories',
    /positions hold while names come and go/,
  ],
  [
    'flags that are agreed to unseen',
    'serving/init.ts',
    'flags &= serving.offers;',
    '',
    'fs-session',
    /to no unknown bit/,
  ],
  [
    'attributes that outlast a setuid bit',
    'operations/answers.ts',
    'return special ? 0 : KEEP_SECONDS;',
    'return KEEP_SECONDS;',
    'fs-attributes',
    /setuid and setgid files are not to be kept/,
  ],
  [
    'a session whose locks outlive it',
    'tree/file-system.ts',
    'this.locks.clear();',
    '',
    'fs-session',
    /a new driver drops what belonged/,
  ],
  [
    'a directory that can move into itself',
    'operations/rename.ts',
    'if (isWithin(to, inode)) return -Errno.EINVAL;',
    '',
    'fs-rename',
    /cannot move into itself/,
  ],
];

for (const [what, file, find, replace, tests, red] of faults)
  test(`seen: ${what}`, () =>
    assertTurnsRed(
      new URL(`./${tests}.test.ts`, import.meta.url),
      { file: `src/devices/fs/${file}`, find, replace },
      red,
    ));

test('seen: a request that is read again after it was checked', () =>
  assertTurnsRed(
    new URL('./fs-hostile.test.ts', import.meta.url),
    {
      file: 'src/fuse/server/exchange.ts',
      find: 'this.readable.read(this.bytes, FIRST_PIECE, this.length - FIRST_PIECE);',
      replace: 'this.readable.seek(0); this.readable.read(this.bytes, 0, this.length);',
    },
    /a guest that changes a request while it is looked at/,
  ));
