/** Lists and command lines from strangers: a named error, or what was said. */
import assert from 'node:assert/strict';
import {
  CompatError,
  check,
  formatList,
  listDigest,
  type MigrationList,
  parseInfo,
  parseList,
  readArguments,
  readList,
} from '../../src/compat/index.ts';
import { implies } from '../support/compat/verdict-oracle.ts';
import { type Draw, fuzz } from './target.ts';

const info = parseInfo(
  JSON.stringify({
    models: {
      'a.com/nic': {
        params: {
          rss: { type: 'bool', init_value: false, off_value: false },
          q: { type: 'int', init_value: 4, allowed_values: ['1-8', '18446744073709551615'] },
          name: { type: 'str', init_value: 'x', off_value: '' },
          ring: { type: 'int', init_value: 0, off_value: 0 },
        },
        versions: ['v1'],
        profiles: { v2: { q: 8, rss: true } },
        'x-constraints': [implies({ rss: [true] }, { q: ['4-8'] })],
      },
      'b.com/disk': { versions: ['v1'] },
    },
  }),
);
const source = info.models.get('a.com/nic')!;

const WORDS = [
  'a.com/nic',
  'b.com/disk',
  'version: ',
  'v1',
  'v2',
  'q',
  'rss',
  'name',
  'ring',
  'tso',
  '=',
  '\n',
  '4',
  'on',
  'off',
  '',
  ' ',
  '-',
  '--',
  '--m-',
  '--m-q',
  '--m-q=4',
  '--m-rss=on',
  '--migration-model',
  '--migration-version',
  '/',
  '..',
  '\0',
  '\ud800',
  '\u{1f600}',
  '18446744073709551615',
  '00',
  '9'.repeat(41),
  'x'.repeat(300),
  '\u00a0',
  '__proto__',
  'constructor',
] as const;

function word(draw: Draw): string {
  if (draw.once(8)) return Buffer.from(draw.take(draw.below(12))).toString('latin1');
  return draw.pick(WORDS);
}

function words(draw: Draw, most: number): string {
  return Array.from({ length: draw.below(most) }, () => word(draw)).join('');
}

/** What `make` gives, or undefined where it is refused as it should be. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    assert.ok(error instanceof CompatError, `not a CompatError: ${String(error)}`);
    assert.ok(error.message.length < 2000, `a message of ${error.message.length} characters`);
    return undefined;
  }
}

function usable(list: MigrationList): void {
  assert.deepEqual(readList(formatList(list)), list);
  assert.match(listDigest(list), /^[0-9a-f]{64}$/);
  const found = check(list, info, list.model === source.name ? { source } : {});
  assert.equal(found.reasons.length === 0, found.answer === 'yes');
}

fuzz('compat-lists', async (loop) => {
  let [taken, refused] = [0, 0];
  await loop((draw) => {
    const made = [
      attempt(() =>
        parseList({
          model: draw.once(2) ? 'a.com/nic' : words(draw, 4),
          version: draw.once(3) ? words(draw, 3) : undefined,
          params: Array.from({ length: draw.below(5) }, () => `${word(draw)}=${words(draw, 3)}`),
        }),
      ),
      attempt(() => readList(draw.once(2) ? words(draw, 24) : `a.com/nic\n${words(draw, 12)}\n`)),
    ];
    for (const list of made)
      if (list === undefined) refused++;
      else {
        usable(list);
        taken++;
      }
    const argv = Array.from({ length: draw.below(8) }, () => words(draw, 4));
    const read = attempt(() =>
      readArguments(info, draw.once(2) ? ['--migration-model=a.com/nic', ...argv] : argv),
    );
    if (read === undefined) refused++;
    else {
      assert.deepEqual([...read.values.keys()], [...read.model.parameters.keys()]);
      assert.ok(read.rest.every((argument) => argv.includes(argument)));
      taken++;
    }
  });
  assert.ok(taken > 0 && refused > 0, `${taken} taken, ${refused} refused`);
});
