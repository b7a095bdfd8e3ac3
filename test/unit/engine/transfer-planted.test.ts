/** What the tests of whole transfers are there for, taken away: they turn red. */
import { test } from 'node:test';
import { assertTurnsRed } from '../../support/planted.ts';

const ENDS = new URL('./transfer.test.ts', import.meta.url);
const OUTCOMES = new URL('./transfer-outcomes.test.ts', import.meta.url);

test('a transfer that does not send what was written last turns them red', async () => {
  await assertTurnsRed(
    ENDS,
    {
      file: 'src/engine/transfer/source/switchover.ts',
      find: 'do await makePass(source);\n  while (ram.remaining() > 0);',
      replace: '',
    },
    /pages of zeroes as they are/,
  );
});

test('a transfer that forgets what a broken channel carried turns them red', async () => {
  await assertTurnsRed(
    ENDS,
    {
      file: 'src/engine/transfer/source/replacements.ts',
      find: 'ram.lostBy(id)',
      replace: '0',
    },
    /channels that break are replaced/,
  );
});

test('a source that takes silence for a no turns them red', async () => {
  await assertTurnsRed(
    OUTCOMES,
    {
      file: 'src/engine/transfer/source/roll-back.ts',
      find: "failure === 'unknown' && cause.from === 'here'",
      replace: "failure === 'unknown' && cause.from !== 'here'",
    },
    /behind the word that hands the machine over/,
  );
});
