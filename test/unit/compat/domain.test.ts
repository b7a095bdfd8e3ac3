/** The algebra of domains, beside plain sets of values. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { areDisjoint } from '../../../src/compat/domain.ts';
import {
  type BoxDomain,
  compareBytes,
  complement,
  contains,
  type Domain,
  domainOf,
  emptyDomain,
  extreme,
  formatDomain,
  intDomain,
  intersect,
  isEmpty,
  LARGEST_INT,
  nearest,
  PARAMETER_TYPES,
  readValue,
  sameDomain,
  strDomain,
  typeOf,
  typeOfDomain,
  unite,
  type Value,
} from '../../../src/compat/index.ts';

/** Every value that the domains below tell apart. */
const INTS = [...Array.from({ length: 14 }, (_, i) => BigInt(i)), 2n ** 64n - 1n, 2n ** 64n, LARGEST_INT];
const STRS = ['', 'a', 'b', 'c', 'ö', '\u{1f600}'];
const ALL: readonly Value[] = [true, false, ...INTS, ...STRS];

const interval = fc
  .tuple(fc.nat(12), fc.oneof({ weight: 9, arbitrary: fc.nat(4).map(BigInt) }, fc.constant(2n ** 64n)))
  .map(([min, length]) => ({ min: BigInt(min), max: BigInt(min) + length }));
const texts = fc.uniqueArray(fc.constantFrom(...STRS.slice(0, 5)));
const domains: fc.Arbitrary<Domain> = fc.oneof(
  fc.record({ kind: fc.constant('bool' as const), on: fc.boolean(), off: fc.boolean() }),
  fc.array(interval, { maxLength: 5 }).map(intDomain),
  texts.map(strDomain),
  fc.constantFrom('int' as const, 'str' as const).map((type) => ({ kind: 'any' as const, type })),
);
const boxDomains: fc.Arbitrary<BoxDomain> = fc.oneof(
  domains,
  texts.map((values) => ({ kind: 'except' as const, values: new Set(values) })),
);

/** The values of `domain`. */
function valuesIn(domain: BoxDomain): Value[] {
  return ALL.filter((value) => contains(domain, value));
}

describe('algebra', () => {
  test('of both, of either, of neither', () => {
    fc.assert(
      fc.property(boxDomains, boxDomains, (a, b) => {
        const [left, right] = [new Set(valuesIn(a)), new Set(valuesIn(b))];
        assert.deepEqual(
          valuesIn(intersect(a, b)),
          ALL.filter((value) => left.has(value) && right.has(value)),
        );
        assert.equal(areDisjoint(a, b), isEmpty(intersect(a, b)));
        assert.deepEqual(
          valuesIn(complement(a)),
          ALL.filter((value) => typeOf(value) === typeOfDomain(a) && !left.has(value)),
        );
        if (typeOfDomain(a) === typeOfDomain(b))
          assert.deepEqual(
            valuesIn(unite(a, b)),
            ALL.filter((value) => left.has(value) || right.has(value)),
          );
      }),
      { numRuns: 300 },
    );
  });

  test('the order of sets does not matter', () => {
    fc.assert(
      fc.property(boxDomains, boxDomains, boxDomains, (a, b, c) => {
        if (typeOfDomain(a) !== typeOfDomain(b) || typeOfDomain(b) !== typeOfDomain(c)) return;
        assert.ok(sameDomain(intersect(a, b), intersect(b, a)));
        assert.ok(sameDomain(intersect(intersect(a, b), c), intersect(a, intersect(b, c))));
        assert.ok(sameDomain(unite(a, b), unite(b, a)));
        assert.ok(sameDomain(intersect(a, a), a));
      }),
      { numRuns: 300 },
    );
  });

  test('intervals are sorted, disjoint, and never touch', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 8 }), (intervals) => {
        const domain = intDomain(intervals);
        assert.ok(domain.kind === 'int');
        for (const [i, { min, max }] of domain.intervals.entries()) {
          assert.ok(min <= max);
          if (i > 0) assert.ok(domain.intervals[i - 1]!.max + 1n < min);
        }
        assert.deepEqual(
          valuesIn(domain),
          INTS.filter((n) => intervals.some(({ min, max }) => min <= n && n <= max)),
        );
      }),
    );
  });

  test('nothing is empty, and nothing else is', () => {
    for (const type of PARAMETER_TYPES) {
      assert.ok(isEmpty(emptyDomain(type)));
      assert.equal(typeOfDomain(emptyDomain(type)), type);
    }
    fc.assert(
      fc.property(boxDomains, (domain) => assert.equal(isEmpty(domain), valuesIn(domain).length === 0)),
    );
  });

  test('the domain of one value has it alone', () => {
    for (const value of ALL) assert.deepEqual(valuesIn(domainOf(value)), [value]);
  });
});

describe('values within', () => {
  test('the nearest of numbers, the smaller one of two', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 4 }), fc.nat(20).map(BigInt), (intervals, value) => {
        const far = (n: bigint): bigint => (n > value ? n - value : value - n);
        const ends = intervals.flatMap(({ min, max }) => [
          min,
          max,
          value < min || value > max ? min : value,
        ]);
        const wanted = ends.sort((a, b) => Number(far(a) - far(b)) || Number(a - b))[0];
        assert.equal(nearest(intDomain(intervals), value), wanted);
      }),
      { numRuns: 300 },
    );
    assert.equal(
      nearest(
        intDomain([
          { min: 8n, max: 8n },
          { min: 16n, max: 16n },
        ]),
        12n,
      ),
      8n,
    );
  });

  test('the nearest of what has no order', () => {
    assert.equal(nearest({ kind: 'bool', on: true, off: false }, false), true);
    assert.equal(nearest({ kind: 'bool', on: true, off: true }, false), false);
    assert.equal(nearest(strDomain(['a', 'b']), 'a'), 'a');
    assert.equal(nearest(strDomain(['a']), 'b'), 'a');
    assert.equal(nearest(strDomain(['a', 'b']), 'c'), undefined);
    assert.equal(nearest({ kind: 'any', type: 'str' }, 'c'), 'c');
    assert.equal(nearest({ kind: 'any', type: 'int' }, 'c'), undefined);
    assert.equal(nearest(intDomain([]), 1n), undefined);
  });

  test('the smallest and the largest', () => {
    const ints = intDomain([
      { min: 4n, max: 9n },
      { min: 1n, max: 2n },
    ]);
    assert.deepEqual([extreme(ints, 'min'), extreme(ints, 'max')], [1n, 9n]);
    assert.deepEqual(
      [
        extreme({ kind: 'bool', on: true, off: true }, 'min'),
        extreme({ kind: 'bool', on: true, off: true }, 'max'),
      ],
      [false, true],
    );
    assert.deepEqual(
      [
        extreme({ kind: 'bool', on: false, off: true }, 'max'),
        extreme({ kind: 'bool', on: true, off: false }, 'min'),
      ],
      [false, true],
    );
    for (const domain of [
      strDomain(['a']),
      emptyDomain('int'),
      emptyDomain('bool'),
      { kind: 'any', type: 'int' } as const,
    ])
      assert.equal(extreme(domain, 'max'), undefined);
  });
});

describe('for people', () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ min: BigInt(2 * i), max: BigInt(2 * i) }));
  for (const [domain, text] of [
    [{ kind: 'bool', on: true, off: true }, 'on, off'],
    [{ kind: 'bool', on: false, off: true }, 'off'],
    [
      intDomain([
        { min: 16n, max: 16n },
        { min: 1n, max: 8n },
      ]),
      '1-8, 16',
    ],
    [strDomain(['v2', 'v1']), 'v1, v2'],
    [
      strDomain(['a b', '', 'a,b', '\u001b[31m', '\u{1f600}']),
      String.raw`"", "\u001b[31m", "a b", "a,b", ${'\u{1f600}'}`,
    ],
    [{ kind: 'any', type: 'int' }, 'any int'],
    [{ kind: 'except', values: new Set(['v1']) }, 'any str but v1'],
    [emptyDomain('str'), 'nothing'],
    [
      intDomain(many),
      `${many
        .slice(0, 32)
        .map(({ min }) => min)
        .join(', ')} and 8 more`,
    ],
  ] as const)
    test(text.slice(0, 60), () => assert.equal(formatDomain(domain), text));
});

describe('values', () => {
  test('names and texts have the order of their bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 300 },
    );
    assert.ok(compareBytes('\u{1f600}', '\uffee') > 0 && '\u{1f600}' < '\uffee');
  });

  for (const [type, text, value] of [
    ['bool', 'on', true],
    ['bool', 'true', true],
    ['bool', '1', true],
    ['bool', 'off', false],
    ['bool', '0', false],
    ['bool', 'ON', undefined],
    ['bool', '', undefined],
    ['int', '0', 0n],
    ['int', '18446744073709551615', 2n ** 64n - 1n],
    ['int', '9'.repeat(40), LARGEST_INT],
    ['int', `1${'0'.repeat(40)}`, undefined],
    ['int', '-1', undefined],
    ['int', '+1', undefined],
    ['int', '01', undefined],
    ['int', '1_000', undefined],
    ['int', ' 1', undefined],
    ['int', '1n', undefined],
    ['int', '٣', undefined],
    ['str', '', ''],
    ['str', 'e\u0301', 'e\u0301'],
    ['str', 'a\nb', undefined],
    ['str', 'a\0', undefined],
    ['str', '\ud83d', undefined],
    ['str', 'ö'.repeat(2048), 'ö'.repeat(2048)],
    ['str', 'ö'.repeat(2049), undefined],
  ] as const)
    test(`${type} ${JSON.stringify(text).slice(0, 60)}`, () => assert.equal(readValue(type, text), value));
});
