/** Migration info documents: what they mean, what is wrong with them and where, and their canonical text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatDomain, formatInfo, LINT_CODES, parseInfo, readInfo } from '../../../src/compat/index.ts';
import { documentArbitrary } from '../../support/compat/documents.ts';

/** A document of one model with these members. */
function model(members: string): string {
  return `{"models":{"a.com/nic":{${members}}}}`;
}

/** A document of one parameter with these members. */
function parameter(members: string): string {
  return model(`"params":{"p":{${members}}}`);
}

function only(text: string) {
  const [found] = [...parseInfo(text).models.values()];
  return found!;
}

describe('what a document means', () => {
  test('the example of the RFC', () => {
    const { parameters } = only(
      model(`"params": {
        "new-feature": { "type": "bool", "init_value": true, "off_value": false },
        "num-resources": { "type": "int", "init_value": 64, "allowed_values": [64], "description": "Number of resources" }
      }`),
    );
    assert.deepEqual([...parameters.keys()], ['new-feature', 'num-resources']);
    assert.deepEqual(parameters.get('num-resources'), {
      name: 'num-resources',
      type: 'int',
      init: 64n,
      off: undefined,
      domain: { kind: 'int', intervals: [{ min: 64n, max: 64n }] },
      description: 'Number of resources',
      since: undefined,
      valuesSince: [],
      prefer: undefined,
      live: undefined,
    });
  });

  for (const [text, domain] of [
    ['"type":"str","init_value":"a","allowed_values":["a","b","c"]', 'a, b, c'],
    ['"type":"int","init_value":1,"allowed_values":[1,5,7]', '1, 5, 7'],
    ['"type":"int","init_value":0,"allowed_values":["0-255",512,"1024-2048"]', '0-255, 512, 1024-2048'],
    ['"type":"bool","init_value":true,"allowed_values":[true]', 'on'],
    ['"type":"int","init_value":64,"allowed_values":["64"]', '64'],
    ['"type":"int","init_value":4,"allowed_values":["5-8",4,"9-10"]', '4-10'],
    ['"type":"int","init_value":7,"allowed_values":["007-0010"]', '7-10'],
    ['"type":"bool","init_value":true', 'on'],
    ['"type":"bool","init_value":false', 'off'],
    ['"type":"bool","init_value":true,"off_value":false', 'on, off'],
    ['"type":"int","init_value":1', 'any int'],
    ['"type":"str","init_value":"1-2"', 'any str'],
  ] as const)
    test(`${text}: ${domain}`, () => {
      const { info, findings } = readInfo(parameter(text));
      assert.deepEqual(findings, []);
      assert.equal(formatDomain(info!.models.get('a.com/nic')!.parameters.get('p')!.domain), domain);
    });

  test('numbers above 2^53 are strings, and exact', () => {
    const { init, domain } = only(
      parameter(
        '"type":"int","init_value":"18446744073709551615","allowed_values":["0-18446744073709551615"]',
      ),
    ).parameters.get('p')!;
    assert.equal(init, 2n ** 64n - 1n);
    assert.deepEqual(domain, { kind: 'int', intervals: [{ min: 0n, max: 2n ** 64n - 1n }] });
  });

  test('model strings of the RFC', () => {
    for (const name of [
      'vendor-a.com/my-nic',
      'gitlab.com/user/my-device',
      'virtio-spec.org/pci/virtio-net',
      'qemu.org/pci/10ec/8139',
    ])
      assert.deepEqual(readInfo(JSON.stringify({ models: { [name]: { params: {} } } })).findings, []);
  });

  test('versions, profiles, and the extensions', () => {
    const found = only(
      model(`"versions":["v1","9","v2"],
        "profiles":{"v3":{"q":4},"9":{"q":2},"v2":{"q":4,"rss":true}},
        "params":{"rss":{"type":"bool","init_value":true,"off_value":false,"x-since":2},
          "q":{"type":"int","init_value":4,"allowed_values":["1-16"],"x-prefer":"max",
            "x-since":{"since":1,"values":[{"allowed_values":["9-16"],"since":3}]}},
          "fmt":{"type":"str","init_value":"b","off_value":"a","x-live":"state"}}`),
    );
    assert.deepEqual(found.versions, ['v1', '9', 'v2', 'v3']);
    assert.deepEqual(
      [...found.profiles].map(([name, values]) => [name, ...values]),
      [
        ['9', ['q', 2n]],
        ['v2', ['q', 4n], ['rss', true]],
        ['v3', ['q', 4n]],
      ],
    );
    const { rss, q, fmt } = Object.fromEntries(found.parameters);
    assert.deepEqual(
      [rss?.since, q?.since, q?.prefer, fmt?.live, fmt?.since],
      [2, 1, 'max', 'state', undefined],
    );
    assert.deepEqual(q?.valuesSince, [
      { values: { kind: 'int', intervals: [{ min: 9n, max: 16n }] }, since: 3 },
    ]);
  });

  test('a name may be that of something else in the language', () => {
    const text = model(
      '"params":{"__proto__":{"type":"int","init_value":1,"off_value":1},"constructor":{"type":"bool","init_value":true}},"profiles":{"__proto__":{"constructor":true}}',
    );
    const found = only(text);
    assert.deepEqual([...found.parameters.keys()], ['__proto__', 'constructor']);
    assert.deepEqual([...found.profiles.keys()], ['__proto__']);
    assert.match(formatInfo(parseInfo(text)), /"__proto__": \{\n *"type": "int"/);
  });
});

describe('canonical text', () => {
  test('is read as the same, and is the same again', () => {
    fc.assert(
      fc.property(documentArbitrary, (document) => {
        const { info, findings: found } = readInfo(JSON.stringify(document));
        assert.deepEqual(
          found.filter(({ level }) => level === 'error'),
          [],
        );
        const text = formatInfo(info!);
        assert.deepEqual(parseInfo(text), info);
        assert.equal(formatInfo(parseInfo(text)), text);
      }),
    );
  });

  test('is sorted, with as few allowed values as can be', () => {
    const text = model(
      '"params":{"q":{"type":"int","init_value":"3","allowed_values":[9,"2-3","4-5",5,"18446744073709551615"]},"a":{"type":"bool","init_value":true}}',
    );
    assert.deepEqual(JSON.parse(formatInfo(parseInfo(text))), {
      models: {
        'a.com/nic': {
          params: {
            a: { type: 'bool', init_value: true, allowed_values: [true] },
            q: { type: 'int', init_value: 3, allowed_values: ['2-5', 9, '18446744073709551615'] },
          },
        },
      },
    });
    assert.ok(formatInfo(parseInfo(text)).indexOf('"a":') < formatInfo(parseInfo(text)).indexOf('"q":'));
  });
});

describe('docs/migration-info.md', () => {
  const text = readFileSync('docs/migration-info.md', 'utf8');

  test('shows a document in which nothing is found', () => {
    const example = /```json\n([\s\S]*?)```/.exec(text)?.[1];
    assert.deepEqual(readInfo(example ?? '').findings, []);
  });

  test('tells of every code', () => {
    const told = [...text.matchAll(/^\| `([a-z-]+)` \| (?:error|warning) \|/gm)].map((row) => row[1]);
    assert.deepEqual(told, [...LINT_CODES]);
  });
});
