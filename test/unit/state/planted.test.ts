/** Without its checks a reader of state lets damage through: the tests beside this file would notice. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const STREAM = new URL('./stream.test.ts', import.meta.url);

test('a reader that does not look at checksums turns the tests red', () =>
  assertTurnsRed(
    STREAM,
    { file: 'src/state/frame.ts', find: 'return found === stored;', replace: 'return true;' },
    /any flipped bit is found/,
  ));

test('a reader that does not look at the order turns the tests red', () =>
  assertTurnsRed(
    STREAM,
    { file: 'src/state/frame-reader.ts', find: 'decoded.index !== this.#index', replace: 'false' },
    /frames swapped, repeated, dropped or moved are found/,
  ));

test('a reader that does not look at the digest turns the tests red', () =>
  assertTurnsRed(
    STREAM,
    { file: 'src/state/digest.ts', find: 'return false;', replace: 'return true;' },
    /a record from another stream/,
  ));

test('a reader that stops at the closing turns the tests red', () =>
  assertTurnsRed(
    STREAM,
    {
      file: 'src/state/frame-reader.ts',
      find: 'this.#end > this.#start || this.#fill() > 0',
      replace: 'false',
    },
    /a byte put in or left out/,
  ));
