/** What is wrong with a migration info document, and where. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CompatError, LINT_CODES, parseInfo, readInfo } from '../../../src/compat/index.ts';

/** A document of one model with these members. */
function model(members: string): string {
  return `{"models":{"a.com/nic":‸{${members}}}}`.replace('‸', members.includes('‸') ? '' : '‸');
}

/** A document of one parameter with these members. */
function parameter(members: string): string {
  return model(`"params":{"p":${members.includes('‸') ? '' : '‸'}{${members}}}`);
}

/** A document of one whole number, with these members besides. */
function whole(members: string): string {
  return parameter(`"type":"int","init_value":1,${members}`);
}

const MODEL = '/models/a.com~1nic';
const P = `${MODEL}/params/p`;
const NUMBER = /expected a whole number from 0 on: a JSON number up to 2\^53 - 1, above that a string/;
const TEXT = /expected (a string|text of at most 4096 bytes without newline or NUL)$/;

/** A document, `‸` before all that is wrong in it, and what is wrong, in this order: code and place, and the message. */
type Row = readonly [text: string, ...found: readonly (readonly [what: string, message: RegExp])[]];

function each(values: readonly string[], row: (value: string) => Row): Row[] {
  return values.map(row);
}

const rows: readonly Row[] = [
  ['{"models":‸5}', ['wrong-form /models', /^Found 5, expected an object$/]],
  ['‸[]', ['wrong-form ', /^Found an empty list, expected an object with models$/]],
  ['‸{}', ['missing ', /^Found no models/]],
  [model(''), [`missing ${MODEL}`, /neither params nor versions/]],
  ['{"models":{"a.com/nic":‸[1]}}', [`wrong-form ${MODEL}`, /^Found a list, expected an object/]],
  ['{"models":{‸"nic":{"params":{}}}}', ['bad-name /models/nic', /a domain name and a path/]],
  ['{"models":{‸"a.com/n c":{"params":{}}}}', ['bad-name /models/a.com~1n c', /^Found "a.com\/n c"/]],
  ['{"models":{‸"a.com/\\ud800":{"params":{}}}}', ['bad-name /models/a.com~1\ud800', /a domain name/]],
  ['{"models":{‸"lab/nic":{"params":{}}}}', ['no-domain /models/lab~1nic', /that someone can own/]],
  ...each(['', 'a=b', 'a/b', 'a b', '\u00a0', '..', '.', '\\u0000', '\\ud800', 'ö'.repeat(128)], (name) => [
    model(`"params":{‸"${name}":{"type":"bool","init_value":true}}`),
    [
      `bad-name ${MODEL}/params/${JSON.parse(`"${name}"`).replace('/', '~1')}`,
      /a name without =, \/ and white/,
    ],
  ]),
  [
    model('"params":{"p":‸true}'),
    [`wrong-form ${P}`, /^Found true, expected an object with type and init_v/],
  ],
  [model('"params":‸[]'), [`wrong-form ${MODEL}/params`, /^Found an empty list, expected an object$/]],

  [parameter('"init_value":1'), [`missing ${P}`, /^Found no type, which is required$/]],
  [parameter('"type":"int"'), [`missing ${P}`, /^Found no init_value, which is required$/]],
  [
    parameter('"type":‸"float","init_value":1'),
    [`wrong-form ${P}/type`, /^Found "float", expected one of "bool", "int", "str"$/],
  ],
  [
    parameter('"type":‸{},"init_value":1'),
    [`wrong-form ${P}/type`, /^Found an object, expected one of "bool", "int", "str"$/],
  ],
  ...each(['"on"', '1', 'null', '[]', '{}'], (value) => [
    parameter(`"type":"bool","init_value":‸${value}`),
    [
      `wrong-form ${P}/init_value`,
      /^Found ("on"|1|null|an empty list|an object), expected true or false, without q/,
    ],
  ]),
  ...each(['-1', '1.5', '9007199254740993', '1e400', '-0', 'true', 'null', '[1]'], (value) => [
    parameter(`"type":"int","init_value":‸${value}`),
    [`wrong-form ${P}/init_value`, NUMBER],
  ]),
  ...each(['01', '-1', '+1', '1-2', '', '1e3', '0x10', '1'.repeat(41), '1\\n'], (value) => [
    parameter(`"type":"int","init_value":‸"${value}"`),
    [`wrong-form ${P}/init_value`, NUMBER],
  ]),
  ...each(['1', '"a\\nb"', '"a\\u0000"', '"\\ud800"', `"${'ö'.repeat(2049)}"`], (value) => [
    parameter(`"type":"str","init_value":‸${value}`),
    [`wrong-form ${P}/init_value`, TEXT],
  ]),
  [parameter('"type":"int","init_value":1,"off_value":‸"x"'), [`wrong-form ${P}/off_value`, NUMBER]],

  [
    whole('"allowed_values":‸[]'),
    [`empty ${P}/allowed_values`, /^Found an empty list, expected a list of 1 to 4096/],
  ],
  [
    whole('"allowed_values":‸5'),
    [`wrong-form ${P}/allowed_values`, /^Found 5, expected a list of 1 to 4096 values$/],
  ],
  [whole(`"allowed_values":‸[1${',1'.repeat(4096)}]`), [`too-many ${P}/allowed_values`, /1 to 4096 values/]],
  [
    whole('"allowed_values":[‸"5-1",1]'),
    [`bad-range ${P}/allowed_values/0`, /^Found the range "5-1", expected its smaller end first$/],
  ],
  ...each(
    ['"1-x"', '"1--2"', '"-1-2"', '"1-2-3"', `"1-${'9'.repeat(41)}"`, '" 1-2"', '1.5', 'null'],
    (value) => [
      whole(`"allowed_values":[1,‸${value}]`),
      [`wrong-form ${P}/allowed_values/1`, /a range "min-max"/],
    ],
  ),
  [
    parameter('"type":"str","init_value":"a","allowed_values":["a",‸"1-8"]'),
    [`range-in-text ${P}/allowed_values/1`, /^Found "1-8", a range, where the parameter is text$/],
  ],
  [
    parameter('"type":"bool","init_value":true,"allowed_values":[true,‸"0-1"]'),
    [`wrong-form ${P}/allowed_values/1`, /^Found "0-1", expected true or false/],
  ],
  [
    parameter('"type":"int","init_value":‸9,"allowed_values":["1-8"]'),
    [`outside-domain ${P}/init_value`, /^Found 9, expected one of the allowed values: 1-8$/],
  ],
  [whole('"off_value":‸0,"allowed_values":["1-8"]'), [`outside-domain ${P}/off_value`, /^Found 0/]],
  [
    whole('"allowed_values":["1-8",‸"8-9"]'),
    [`overlap ${P}/allowed_values/1`, /^Found "8-9", which has values in common with "1-8"$/],
  ],
  [
    whole('"allowed_values":[4,"10-11",‸"0-9"]'),
    [`overlap ${P}/allowed_values/2`, /^Found "0-9", which has values in common with 4$/],
  ],
  [
    parameter('"type":"str","init_value":"a","allowed_values":["a",‸"a"]'),
    [`overlap ${P}/allowed_values/1`, /^Found "a" again$/],
  ],
  [
    parameter('"type":"bool","init_value":false,"off_value":‸false,"allowed_values":[false]'),
    [`always-off ${P}/off_value`, /where false is all that is allowed/],
  ],

  [
    parameter('"type":"str","init_value":"a","x-prefer":‸"max"'),
    [`no-order ${P}/x-prefer`, /texts have no order/],
  ],
  [whole('"x-prefer":‸"most"'), [`wrong-form ${P}/x-prefer`, /^Found "most", expected one of "max", "min"$/]],
  [whole('"x-live":‸true'), [`wrong-form ${P}/x-live`, /^Found true, expected "state"$/]],
  [whole('"x-since":‸-1'), [`wrong-form ${P}/x-since`, /expected a revision/]],
  [whole('"x-since":‸{"values":[]}'), [`missing ${P}/x-since`, /^Found no since, which is required$/]],
  [
    whole('"x-since":{"since":1,"values":[{"since":2,"allowed_values":[‸"9-8"]}]}'),
    [`bad-range ${P}/x-since/values/0/allowed_values/0`, /"9-8"/],
  ],
  [whole('‸"unit":"bytes","x-unit":1'), [`unknown-member ${P}/unit`, /^Found "unit", which is not known/]],
  [whole(`"description":‸"${'a'.repeat(16_385)}"`), [`too-long ${P}/description`, /^Found 16385 bytes/]],
  [whole('"description":‸"\\udfff"'), [`wrong-form ${P}/description`, /expected well-formed text$/]],

  [model('"versions":["v1",‸"v1"]'), [`duplicate-version ${MODEL}/versions/1`, /^Found "v1" again$/]],
  [
    model('"versions":[‸"v\\n1",‸2,‸"ö"]'),
    [`bad-name ${MODEL}/versions/0`, /ASCII/],
    [`wrong-form ${MODEL}/versions/1`, /^Found 2/],
    [`bad-name ${MODEL}/versions/2`, /ASCII/],
  ],
  [
    model('"params":{"p":{"type":"int","init_value":1}},"profiles":{"v1":‸{‸"q":1}}'),
    [
      `profile-incomplete ${MODEL}/profiles/v1`,
      /^Found no "p", which cannot be switched off and is one of any int$/,
    ],
    [`unknown-parameter ${MODEL}/profiles/v1/q`, /^Found "q", expected a parameter of the model$/],
  ],
  [
    model(
      '"params":{"p":{"type":"int","init_value":1,"allowed_values":[1]}},"profiles":{"v1":{"p":‸2},‸"":‸[]}',
    ),
    [`outside-domain ${MODEL}/profiles/v1/p`, /^Found 2/],
    [`bad-name ${MODEL}/profiles/`, /ASCII/],
    [`wrong-form ${MODEL}/profiles/`, /an empty list/],
  ],
  [
    model('"params":{"p":{"type":"int","init_value":1}},"profiles":{"v1":{"p":‸"x"}}'),
    [`wrong-form ${MODEL}/profiles/v1/p`, NUMBER],
  ],
  [
    model('"params":{},"x-constraints":[‸5,‸{"if":{}},{"any":‸[]},‸{"any":[],"if":{}},{"if":‸{},"then":‸3}]'),
    [
      `wrong-form ${MODEL}/x-constraints/0`,
      /^Found 5, expected an object with if and then, or one with any$/,
    ],
    [`wrong-form ${MODEL}/x-constraints/1`, /^Found an object/],
    [`empty ${MODEL}/x-constraints/2/any`, /no case/],
    [`wrong-form ${MODEL}/x-constraints/3`, /^Found an object/],
    [`empty ${MODEL}/x-constraints/4/if`, /no parameter/],
    [`wrong-form ${MODEL}/x-constraints/4/then`, /^Found 3/],
  ],
  [
    model('"params":{"p":{"type":"int","init_value":1}},"x-constraints":[{"any":[{"p":‸[],‸"q":[1]}]}]'),
    [`empty ${MODEL}/x-constraints/0/any/0/p`, /no value/],
    [`unknown-parameter ${MODEL}/x-constraints/0/any/0/q`, /^Found "q"/],
  ],
  [
    model(
      '"params":{"p":{"type":"int","init_value":1,"allowed_values":["1-2"]}},"x-constraints":‸[{"any":[{"p":‸[3]},{"p":[2]}]}]',
    ),
    [`init-breaks-rule ${MODEL}/x-constraints`, /^Found init values that break the rule "\{\\"any\\"/],
    [`never-holds ${MODEL}/x-constraints/0/any/0/p`, /^Found values of "p" that are not among/],
  ],
  [
    model(
      '"params":{"p":{"type":"int","init_value":1}},"profiles":{"v1":‸{"p":2}},"x-constraints":[{"any":[{"p":[1]}]}]',
    ),
    [`rule-broken ${MODEL}/profiles/v1`, /^Found values that break the rule/],
  ],
  [
    model(
      `"params":{"p":{"type":"int","init_value":1}},"x-constraints":[‸{"any":[${'{"p":[1]},'.repeat(256)}{"p":[1]}]}]`,
    ),
    [`rule-beyond ${MODEL}/x-constraints/0`, /^Found 257 cases/],
  ],

  [
    '{"models":{"a.com/nic":{"params":{},‸"params":{}}}}',
    [`duplicate-member ${MODEL}/params`, /^Found "params" again/],
  ],
  [
    '{"models":{"a.com/nic":{"params":{},‸"\\u0070arams":{}}},‸"models":{"a.com/nic":{"params":{}}}}',
    [`duplicate-member ${MODEL}/params`, /^Found "params" again$/],
    ['duplicate-member /models', /^Found "models" again$/],
  ],
  ['{"models":{},"x-y":{"a":1,‸"a":2}}', ['duplicate-member /x-y/a', /^Found "a" again$/]],

  ['‸', ['not-json ', /^Found the end of the text, expected a value$/]],
  ['‸\ufeff{"models":{}}', ['not-json ', /^Found a byte order mark, expected an object$/]],
  [
    '{"models":{"a.com/nic":{"params":{}},‸}}',
    ['not-json ', /expected the name of a member in double quotes$/],
  ],
  ['{"models":{} ‸/* none */}', ['not-json ', /expected no comment$/]],
  ["{‸'models':{}}", ['not-json ', /^Found "'models':\{\}\}", expected/]],
  ['{"models":{}}‸x', ['not-json ', /^Found "x"/]],
  ['{"models":‸NaN}', ['not-json ', /^Found "NaN\}"/]],
  ['{"models":‸"a\u0000b"}', ['not-json ', /expected control characters as escapes$/]],
  ['{"models":{}‸', ['not-json ', /^Found the end of the text, expected a closing brace$/]],
  [`${'['.repeat(16)}‸[`, ['too-deep ', /^Found objects and lists 17 deep, expected at most 16$/]],
];

describe('what is found in a document', () => {
  for (const [marked, ...expected] of rows)
    test(JSON.stringify(marked).slice(0, 120), () => {
      const [first = '', ...rest] = marked.split('‸');
      const columns = rest.map((_, i) => [first, ...rest].slice(0, i + 1).join('').length + 1);
      const { info, findings } = readInfo([first, ...rest].join(''));
      assert.deepEqual(
        findings.map(({ code, place, line, column }) => [`${code} ${place}`, line, column]),
        expected.map(([what], i) => [what, 1, columns[i]]),
      );
      for (const [i, [, message]] of expected.entries()) assert.match(findings[i]!.message, message);
      assert.equal(
        info === undefined,
        findings.some(({ level }) => level === 'error'),
      );
    });

  test('every code is found somewhere', () => {
    const codes = new Set(rows.flatMap(([, ...expected]) => expected.map(([what]) => what.split(' ')[0])));
    assert.deepEqual(
      LINT_CODES.filter((code) => !codes.has(code)),
      [],
    );
  });

  test('lines and columns, whatever ends a line', () => {
    const text =
      '{\n "models": {\r\n  "a.com/nic": {"params": {\r    "p": {"type": "int",\n\n"init_value": -1}}}}}';
    assert.deepEqual(
      readInfo(text).findings.map(({ line, column }) => [line, column]),
      [[6, 15]],
    );
    assert.deepEqual(
      readInfo(`${text} x`).findings.map(({ line, column }) => [line, column]),
      [[6, 23]],
    );
  });

  test('parseInfo throws the first error, with where it is', () => {
    const text = '{"other":1,\n"models":{"nic":{"params":5}}}';
    assert.throws(
      () => parseInfo(text, 'host7.json'),
      (error) => {
        assert.ok(error instanceof CompatError);
        assert.equal(error.code, 'ERR_COMPAT_DOCUMENT');
        assert.match(
          error.message,
          /^host7\.json:2:11: \/models\/nic: Found "nic", .* \(the first of 2 errors\)$/,
        );
        return true;
      },
    );
  });
});
