/** The tests of what keeps channels safe turn red without it. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const faults = new URL('./channels-faults.test.ts', import.meta.url);

test('a checksum that is not compared is noticed', () =>
  assertTurnsRed(
    faults,
    { file: 'src/engine/channels/packet-reader.ts', find: 'if (sum !== this.#sum)', replace: 'if (false)' },
    /every flipped bit/,
  ));

test('a channel that goes past a barrier is noticed', () =>
  assertTurnsRed(
    faults,
    {
      file: 'src/engine/channels/receive-loop.ts',
      find: 'if (control.released >= barrier) return;',
      replace: 'return;',
    },
    /is held at a barrier/,
  ));
