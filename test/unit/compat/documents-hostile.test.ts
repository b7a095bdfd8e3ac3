/** Documents made to exhaust whoever reads them: named errors with a place, within bounds of time and memory. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LintCode, readInfo } from '../../../src/compat/index.ts';
import { MAX_DOCUMENT, MAX_ENTRIES, MAX_FINDINGS } from '../../../src/compat/limits.ts';

/** What one document may cost: without a limit each would take minutes, or all memory. Of time what the processor spends. */
const MOST_MILLISECONDS = 5_000;
const MOST_BYTES = 256 * 2 ** 20;

function times(count: number, make: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => make(i)).join(',');
}

function model(members: string): string {
  return `{"models":{"a.com/nic":{${members}}}}`;
}

const bool = '{"type":"bool","init_value":true}';
const long = 'x'.repeat(MAX_DOCUMENT - 200);

const documents: Readonly<Record<string, readonly [text: string, ...codes: LintCode[]]>> = {
  'more text than the limit': [' '.repeat(MAX_DOCUMENT + 1), 'too-long'],
  'a million spaces': [' '.repeat(1_000_000), 'not-json'],
  'nothing but opening brackets': ['['.repeat(MAX_DOCUMENT), 'too-deep'],
  'nothing but opening braces': ['{"a":'.repeat(MAX_DOCUMENT / 5), 'too-deep'],
  'brackets behind a quote in a comment, which a reader of comments would pass over': [
    `/* " */${'['.repeat(1_000_000)}`,
    'not-json',
  ],
  'brackets behind a line that ends within a string': [`"a\n${'['.repeat(1_000_000)}`, 'not-json'],
  'a string of quotes': [`"${'\\"'.repeat(500_000)}"`, 'wrong-form'],
  'a string of backslashes that does not end': [`"${'\\'.repeat(1_000_000)}`, 'not-json'],
  'strings of backslashes': [`[${times(1000, () => `"${'\\\\'.repeat(2000)}"`)}]`, 'wrong-form'],
  'a list with more entries than the limit': [`[${'1,'.repeat(MAX_ENTRIES + 1)}1]`, 'too-many'],
  'empty lists': [`{"x-a":[${times(MAX_ENTRIES / 2 - 2, () => '[]')}]}`, 'missing'],
  'a number of a million digits': [`{"models":${'9'.repeat(1_000_000)}}`, 'wrong-form'],
  'a whole number of a million digits': [
    model(`"params":{"p":{"type":"int","init_value":"${'9'.repeat(1_000_000)}"}}`),
    'wrong-form',
  ],
  'a range of a million digits': [
    model(`"params":{"p":{"type":"int","init_value":1,"allowed_values":["0-${'9'.repeat(1_000_000)}"]}}`),
    'wrong-form',
  ],
  'a model string of 4 MiB': [`{"models":{"${long}":{"params":{}}}}`, 'bad-name'],
  'a path of 2 million components': [
    `{"models":{"a.com${'/a'.repeat(MAX_DOCUMENT / 2 - 100)}":{"params":{}}}}`,
    'bad-name',
  ],
  'a domain name of a million dots': [`{"models":{"a${'.'.repeat(1_000_000)} /":{"params":{}}}}`, 'bad-name'],
  'a name of 4 MiB': [model(`"params":{"${long}":${bool}}`), 'bad-name'],
  'a value of 4 MiB': [model(`"params":{"p":{"type":"str","init_value":"${long}"}}`), 'wrong-form'],
  'an unknown member of 4 MiB': [model(`"params":{},"y":"${long}"`), 'unknown-member'],
  'one member, again and again': [
    `{"models":{}${',"models":{}'.repeat(20_000)}}`,
    ...Array<LintCode>(MAX_FINDINGS).fill('duplicate-member'),
  ],
  'names that the tables of a program would keep in one place': [
    model(
      `"params":{${times(1000, (i) => `"${'Aa'.repeat(i % 10)}${'BB'.repeat(10 - (i % 10))}${i}":${bool}`)}}`,
    ),
  ],
  'more models than the limit': [
    `{"models":{${times(1025, (i) => `"a.com/${i}":{"params":{}}`)}}}`,
    'too-many',
  ],
  'more parameters than the limit': [
    model(`"params":{${times(1025, (i) => `"p${i}":${bool}`)}}`),
    'too-many',
  ],
  'more versions than the limit': [model(`"versions":[${times(1025, (i) => `"v${i}"`)}]`), 'too-many'],
  'more profiles than the limit': [
    model(`"params":{},"profiles":{${times(257, (i) => `"v${i}":{}`)}}`),
    'too-many',
  ],
  'more rules than the limit': [model(`"params":{},"x-constraints":[${times(257, () => '{}')}]`), 'too-many'],
  'as many errors as there is room for': [
    model(`"params":{${times(1000, (i) => `"p ${i}":{"type":"bool","init_value":${i}}`)}}`),
    ...Array.from({ length: MAX_FINDINGS }, (_, i): LintCode => (i % 2 === 0 ? 'bad-name' : 'wrong-form')),
  ],
  'errors behind more warnings than there is room for': [
    model(`${times(1000, (i) => `"y${i}":1`)},"params":5`),
    ...Array<LintCode>(MAX_FINDINGS).fill('unknown-member'),
    'wrong-form',
  ],
  'ranges that all overlap': [
    model(
      `"params":{"p":{"type":"int","init_value":5000,"allowed_values":[${times(4096, (i) => `"${i}-${10_000 - i}"`)}]}}`,
    ),
    ...Array<LintCode>(MAX_FINDINGS).fill('overlap'),
  ],
  'large domains, and rules that each ask for what is not in them': [
    model(
      `"params":{${times(4, (p) => `"p${p}":{"type":"int","init_value":"1","allowed_values":[${times(4096, (i) => `${2 * i + 1}`)}]}`)}},
       "x-constraints":[${times(250, () => `{"any":[{"p0":[1]},${times(20, (i) => `{"p${i % 4}":[${2 * i}]}`)}]}`)}]`,
    ),
    ...Array<LintCode>(MAX_FINDINGS).fill('never-holds'),
  ],
  'rules over many parameters, and profiles that have to keep them': [
    model(
      `"params":{${times(60, (p) => `"p${p}":{"type":"int","init_value":1,"off_value":1,"allowed_values":[${times(200, (i) => `${2 * i + 1}`)}]}`)}},
       "profiles":{${times(128, (i) => `"v${i}":{}`)}},
       "x-constraints":[${times(200, () => `{"if":{${times(60, (p) => `"p${p}":[1]`)}},"then":{"p0":[1]}}`)}]`,
    ),
  ],
};

describe('documents that are made to exhaust', () => {
  for (const [what, [text, ...codes]] of Object.entries(documents))
    test(what, () => {
      const [started, before] = [process.cpuUsage(), process.memoryUsage().rss];
      const { info, findings } = readInfo(text);
      const { user, system } = process.cpuUsage(started);
      const [milliseconds, bytes] = [(user + system) / 1000, process.memoryUsage().rss - before];
      assert.deepEqual(
        findings.map(({ code }) => code),
        codes,
      );
      assert.equal(
        info === undefined,
        findings.some(({ level }) => level === 'error'),
      );
      for (const { message, line, column } of findings) {
        assert.ok(message.length < 5000, `a message of ${message.length} characters`);
        assert.ok(line >= 1 && column >= 1);
      }
      assert.ok(milliseconds < MOST_MILLISECONDS, `${milliseconds} ms`);
      assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
    });
});
