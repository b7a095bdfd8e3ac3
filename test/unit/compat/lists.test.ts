/** Lists: as text, as a digest, and from and to what a device is. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  buildList,
  CompatError,
  complete,
  formatList,
  initialValues,
  listDigest,
  type MigrationList,
  parseInfo,
  parseList,
  profileValues,
  readList,
} from '../../../src/compat/index.ts';

const NIC = 'a.com/nic';

const model = parseInfo(
  JSON.stringify({
    models: {
      [NIC]: {
        params: {
          rss: { type: 'bool', init_value: true, off_value: false },
          q: { type: 'int', init_value: 4, allowed_values: ['1-8'] },
          fmt: { type: 'str', init_value: 'v2', off_value: 'v1', allowed_values: ['v1', 'v2'] },
        },
        versions: ['1', '2', '3'],
        profiles: { '2': { q: 2, rss: true }, '3': { q: 4, rss: true, fmt: 'v2' } },
      },
    },
  }),
).models.get(NIC)!;

function refused(code: string, field: string) {
  return (error: unknown) => error instanceof CompatError && error.code === code && error.field === field;
}

test('a list has what is not off, sorted by the bytes of names', () => {
  const values = new Map<string, bigint | boolean | string>([
    ['rss', true],
    ['q', 4n],
    ['fmt', 'v1'],
  ]);
  assert.deepEqual(
    [...buildList(model, values).parameters],
    [
      ['q', '4'],
      ['rss', 'on'],
    ],
  );
  const names = ['\u{1f600}', '\uffee', 'z', 'B', 'a', 'é'];
  const { parameters } = parseList({ model: NIC, params: names.map((name) => `${name}=1`) });
  assert.deepEqual([...parameters.keys()], ['B', 'a', 'z', 'é', '\uffee', '\u{1f600}']);
});

test('values that are not those of the model make no list', () => {
  assert.throws(() => buildList(model, new Map([['q', 4n]])), refused('ERR_COMPAT_LIST', 'fmt'));
  const more = new Map([...initialValues(model), ['tso', true] as const]);
  assert.throws(() => buildList(model, more), refused('ERR_COMPAT_LIST', 'tso'));
});

test('a version stays in a list for as long as its profile says the same', () => {
  const values = profileValues(model, '3')!;
  assert.deepEqual(values, initialValues(model));
  assert.equal(buildList(model, values, '3').version, '3');
  assert.equal(buildList(model, new Map([...values, ['fmt', 'v1']]), '3').version, undefined);
  assert.equal(profileValues(model, '1'), undefined);
  assert.equal(profileValues(model, '2')?.get('fmt'), 'v1', 'what a profile leaves out came later: off');
});

test('completed, a list says what every parameter is', () => {
  const list = parseList({ model: NIC, params: ['q=4'] });
  assert.deepEqual(
    [...complete(list, model)],
    [
      ['fmt', 'v1'],
      ['q', 4n],
      ['rss', false],
    ],
  );
  assert.throws(() => complete(parseList({ model: NIC }), model), refused('ERR_COMPAT_LIST', 'q'));
  assert.throws(
    () => complete(parseList({ model: NIC, params: ['q=4', 'x=1'] }), model),
    refused('ERR_COMPAT_LIST', 'x'),
  );
  assert.throws(
    () => complete(parseList({ model: NIC, params: ['q=on'] }), model),
    refused('ERR_COMPAT_VALUE', 'q'),
  );
});

test('the text of a list', () => {
  const list = parseList({ model: NIC, version: 'q=1', params: ['rss=on', 'fmt=', 'q=a=b'] });
  assert.equal(formatList(list), 'a.com/nic\nversion: q=1\nfmt=\nq=a=b\nrss=on\n');
  assert.deepEqual(readList(formatList(list)), list);
  assert.equal(formatList(parseList({ model: NIC })), 'a.com/nic\n');
});

test('the digest is over the model and the parameters', () => {
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  assert.equal(
    listDigest(parseList({ model: NIC, params: ['rss=on', 'q=4'] })),
    sha('a.com/nic\nq=4\nrss=on\n'),
  );
  assert.equal(
    listDigest(parseList({ model: NIC, version: '3', params: ['q=4'] })),
    sha('a.com/nic\nq=4\n'),
    'a profile and the parameters that it stands for are the same device',
  );
  assert.equal(listDigest(parseList({ model: NIC, version: '3' })), sha('a.com/nic\nversion: 3\n'));
});

const nameArbitrary = fc.constantFrom('a', 'b', 'é', '\u{1f600}', '\uffee', 'version:', '-', 'x.y');
const valueArbitrary = fc.oneof(
  fc.constantFrom('', 'on', '=', ' ', 'version: 1', '18446744073709551615', '-x', 'a\tb'),
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !/[\n\0]/.test(text)),
);
const listArbitrary: fc.Arbitrary<MigrationList> = fc
  .record({
    model: fc.constantFrom(NIC, 'b.com/nic', 'a.com/nic/version: 1'.replaceAll(' ', '')),
    version: fc.option(fc.constantFrom('1', '2', 'a=1'), { nil: undefined }),
    params: fc.dictionary(nameArbitrary, valueArbitrary, { maxKeys: 3 }),
  })
  .map(({ model: name, version, params }) =>
    parseList({
      model: name,
      version,
      params: Object.entries(params).map(([key, value]) => `${key}=${value}`),
    }),
  );

test('text and list are the same thing; digests are equal exactly where lists say the same', () => {
  const pair = fc.tuple(listArbitrary, listArbitrary, fc.nat(3));
  fc.assert(
    fc.property(pair, ([a, other, kind]) => {
      // Half of the pairs are about one device
      const b = kind === 0 ? { ...other, model: a.model, parameters: a.parameters } : kind === 1 ? a : other;
      assert.deepEqual(readList(formatList(a)), a);
      const bare = a.parameters.size === 0;
      const same =
        a.model === b.model &&
        a.parameters.size === b.parameters.size &&
        [...a.parameters].every(([name, value]) => b.parameters.get(name) === value);
      assert.equal(listDigest(a) === listDigest(b), same && (!bare || a.version === b.version));
    }),
    { numRuns: 1000 },
  );
});

const LONG = 'x'.repeat(4097);
const bad: readonly [what: string, given: Parameters<typeof parseList>[0], field: string][] = [
  ['a parameter without =', { model: NIC, params: ['q'] }, '"q"'],
  ['a name with /', { model: NIC, params: ['a/b=1'] }, '"a/b=1"'],
  ['a name with white space', { model: NIC, params: ['a b=1'] }, '"a b=1"'],
  ['a name with a no-break space', { model: NIC, params: ['a\u00a0b=1'] }, '"a\u00a0b=1"'],
  ['no name', { model: NIC, params: ['=1'] }, '"=1"'],
  ['a name that is a folder', { model: NIC, params: ['..=1'] }, '"..=1"'],
  ['a name with a lone surrogate', { model: NIC, params: ['\ud800=1'] }, '"\\ud800=1"'],
  ['a value with a newline', { model: NIC, params: ['q=1\n2'] }, 'q'],
  ['a value with NUL', { model: NIC, params: ['q=\0'] }, 'q'],
  ['a value that is too long', { model: NIC, params: [`q=${LONG}`] }, 'q'],
  ['the same parameter twice', { model: NIC, params: ['q=1', 'r=1', 'q=1'] }, 'q'],
  ['no model', { model: '', params: [] }, 'model'],
  ['a model without a path', { model: 'a.com', params: [] }, 'model'],
  ['a model with a newline', { model: 'a.com/nic\nq=4', params: [] }, 'model'],
  ['a version with a newline', { model: NIC, version: '1\nq=4', params: [] }, 'version'],
  ['a version beyond ASCII', { model: NIC, version: 'é', params: [] }, 'version'],
  [
    'more parameters than a model may have',
    { model: NIC, params: Array.from({ length: 1025 }, (_, i) => `p${i}=`) },
    'params',
  ],
  [
    'text beyond its limit',
    { model: NIC, params: Array.from({ length: 300 }, (_, i) => `p${i}=${'x'.repeat(4096)}`) },
    'list',
  ],
];
for (const [what, given, field] of bad)
  test(`${what} is refused, by name`, () => {
    assert.throws(() => parseList(given), refused('ERR_COMPAT_LIST', field));
  });

test('text that is no list is refused, by name', () => {
  for (const text of [
    '',
    'a.com/nic',
    '\n',
    'a.com/nic\n\n',
    'a.com/nic\nq\n',
    'a.com/nic\nq=1\nversion: 1\n',
  ])
    assert.throws(
      () => readList(text),
      (error) => error instanceof CompatError && error.code === 'ERR_COMPAT_LIST',
    );
  assert.throws(() => readList(`a.com/nic\n${'q=1\n'.repeat(300_000)}`), refused('ERR_COMPAT_LIST', 'list'));
});
