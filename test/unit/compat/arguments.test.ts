/** What a device makes of its command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { argvOf, CompatError, initialValues, parseInfo, readArguments } from '../../../src/compat/index.ts';
import { implies } from '../../support/compat/verdict-oracle.ts';

const NIC = {
  params: {
    rss: { type: 'bool', init_value: false, off_value: false },
    q: { type: 'int', init_value: 4, allowed_values: ['1-8', '18446744073709551615'] },
    name: { type: 'str', init_value: '', off_value: '' },
  },
  versions: ['old'],
  profiles: { small: { q: 1 }, large: { q: 8, rss: true } },
  'x-constraints': [implies({ rss: [true] }, { q: ['4-8'] })],
};

const info = parseInfo(JSON.stringify({ models: { 'a.com/nic': NIC } }));
const two = parseInfo(
  JSON.stringify({ models: { 'a.com/nic': NIC, 'b.com/disk': { versions: ['1', '2'] } } }),
);

function read(...argv: string[]) {
  const { values, version, rest } = readArguments(info, argv);
  return { ...Object.fromEntries(values), version, rest: rest.join(' ') };
}

const INIT = { name: '', q: 4n, rss: false, version: undefined, rest: '' };

test('both forms, in any order, among other arguments', () => {
  assert.deepEqual(read('--socket', 's', '--m-q', '8', '-v', '--m-rss=on', 'x=y'), {
    ...INIT,
    q: 8n,
    rss: true,
    rest: '--socket s -v x=y',
  });
});

test('what is not given has its initial value', () => {
  assert.deepEqual(read(), INIT);
});

test('a value may begin with - behind =, and be empty or hold = itself', () => {
  assert.deepEqual(read('--m-name=-x'), { ...INIT, name: '-x' });
  assert.deepEqual(read('--m-name=a=b'), { ...INIT, name: 'a=b' });
  assert.deepEqual(read('--m-name', ''), INIT);
  assert.deepEqual(read('--m-q=18446744073709551615'), { ...INIT, q: 18446744073709551615n });
});

test('what stands behind -- is not looked at', () => {
  assert.deepEqual(read('--m-q=2', '--', '--m-q=3', '--m-'), { ...INIT, q: 2n, rest: '-- --m-q=3 --m-' });
});

test('a profile, and parameters beside it', () => {
  assert.deepEqual(read('--migration-version', 'large'), { ...INIT, q: 8n, rss: true, version: 'large' });
  assert.deepEqual(read('--m-q=8', '--migration-version=large'), {
    ...INIT,
    q: 8n,
    rss: true,
    version: 'large',
  });
  assert.deepEqual(read('--migration-version=large', '--m-rss=off'), { ...INIT, q: 8n });
  assert.deepEqual(read('--migration-version=old'), { ...INIT, version: 'old' });
});

test('one of several models', () => {
  const { model, values, version } = readArguments(two, [
    '--migration-model',
    'b.com/disk',
    '--migration-version=2',
  ]);
  assert.deepEqual([model.name, values.size, version], ['b.com/disk', 0, '2']);
  const { model: nic, values: init } = readArguments(two, ['--migration-model=a.com/nic']);
  assert.deepEqual(init, initialValues(nic));
});

const refusals: readonly [what: string, argv: string[], code: string, field: string][] = [
  ['twice', ['--m-q=1', '--m-q', '1'], 'ERR_COMPAT_ARGUMENT', '--m-q'],
  [
    'a version twice',
    ['--migration-version=small', '--migration-version=small'],
    'ERR_COMPAT_ARGUMENT',
    '--migration-version',
  ],
  ['no value at the end', ['--m-q'], 'ERR_COMPAT_ARGUMENT', '--m-q'],
  ['an option in place of a value', ['--m-q', '--m-rss=on'], 'ERR_COMPAT_ARGUMENT', '--m-q'],
  ['an unknown parameter', ['--m-tso=on'], 'ERR_COMPAT_ARGUMENT', '--m-tso'],
  ['no name', ['--m-=on'], 'ERR_COMPAT_ARGUMENT', '--m-'],
  ['another type', ['--m-q=on'], 'ERR_COMPAT_VALUE', '--m-q'],
  ['an empty number', ['--m-q='], 'ERR_COMPAT_VALUE', '--m-q'],
  ['a value that is not taken', ['--m-q=9'], 'ERR_COMPAT_VALUE', '--m-q'],
  ['a broken rule', ['--m-rss=on', '--m-q=2'], 'ERR_COMPAT_ARGUMENT', 'a.com/nic'],
  ['an unknown version', ['--migration-version=new'], 'ERR_COMPAT_ARGUMENT', '--migration-version'],
  [
    'parameters beside a version that is no profile',
    ['--migration-version=old', '--m-q=4'],
    'ERR_COMPAT_ARGUMENT',
    '--migration-version',
  ],
  ['an unknown model', ['--migration-model=A.com/nic'], 'ERR_COMPAT_MODEL', '--migration-model'],
];
for (const [what, argv, code, field] of refusals)
  test(`${what} is refused, by name`, () => {
    assert.throws(
      () => readArguments(info, argv),
      (error) => error instanceof CompatError && error.code === code && error.field === field,
    );
  });

test('several models, and none named', () => {
  assert.throws(() => readArguments(two, ['--m-q=1']), {
    code: 'ERR_COMPAT_MODEL',
    message: /a\.com\/nic, b\.com\/disk/,
  });
});

test('what is read is what was said, in whichever form and among whatever else', () => {
  const any = fc.record({
    q: fc.constantFrom(4n, 5n, 8n, 18446744073709551615n),
    rss: fc.boolean(),
    name: fc.constantFrom('', '-', '--m-q=2', '=', 'a b', 'größe', 'x'),
    forms: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    others: fc.array(fc.constantFrom('-v', '--m', 'q=1', '--migration', '-m-q=1', '--M-q=1', ''), {
      maxLength: 4,
    }),
    at: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
  });
  fc.assert(
    fc.property(any, ({ q, rss, name, forms, others, at }) => {
      const given = rss && q > 8n ? { q: 8n, rss, name } : { q, rss, name };
      const pieces = argvOf(new Map<string, bigint | boolean | string>(Object.entries(given))).map(
        (argument, i) => {
          const split = argument.indexOf('=');
          const value = argument.slice(split + 1);
          return forms[i] && !value.startsWith('-') ? [argument.slice(0, split), value] : [argument];
        },
      );
      for (const [i, other] of others.entries()) pieces.splice(at[i]! % (pieces.length + 1), 0, [other]);
      const read = readArguments(info, pieces.flat());
      assert.deepEqual(Object.fromEntries(read.values), given);
      assert.deepEqual([...read.rest].sort(), [...others].sort());
    }),
    { numRuns: 500 },
  );
});
