import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeDump, VMSTATE_LIMITS, type VmstateErrorCode } from '../../../src/vmstate/index.ts';
import { nic, structure, textOf, u32 } from './dumps.ts';

const small = {
  ...VMSTATE_LIMITS,
  text: 4096,
  containers: 40,
  members: 90,
  depth: 12,
  devices: 2,
  list: 4,
  fields: 6,
  name: 20,
};

const description = { name: 'nic', version_id: 1, minimum_version_id: 1 };
const field = { field: 'a', version_id: 0, field_exists: false, size: 4 };
const top = { vmschkmachine: { Name: 'none' } };

/** A dump of one device with this description. */
function withDescription(value: unknown): string {
  return JSON.stringify({
    ...top,
    nic: { Name: 'nic', version_id: 1, minimum_version_id: 1, Description: value },
  });
}

const at = '/nic/Description';
const bad: readonly [what: string, text: string | Uint8Array, code: VmstateErrorCode, field: string][] = [
  ['no JSON', '{', 'ERR_VMSTATE_JSON', 'dump'],
  ['nothing', '', 'ERR_VMSTATE_JSON', 'dump'],
  ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'ERR_VMSTATE_JSON', 'dump'],
  ['a list', '[]', 'ERR_VMSTATE_SHAPE', 'dump'],
  ['no machine', '{}', 'ERR_VMSTATE_SHAPE', '/vmschkmachine'],
  ['a machine without a name', '{"vmschkmachine":{}}', 'ERR_VMSTATE_SHAPE', '/vmschkmachine/Name'],
  ['a device that is no object', JSON.stringify({ ...top, 'a/b~c': 1 }), 'ERR_VMSTATE_SHAPE', '/a~1b~0c'],
  ['a device without a version', JSON.stringify({ ...top, nic: {} }), 'ERR_VMSTATE_SHAPE', '/nic/version_id'],
  ['a description that is null', withDescription(null), 'ERR_VMSTATE_SHAPE', at],
  ['a description without a name', withDescription({}), 'ERR_VMSTATE_SHAPE', `${at}/name`],
  [
    'a version beyond 32 bits',
    withDescription({ ...description, version_id: 2 ** 31 }),
    'ERR_VMSTATE_SHAPE',
    `${at}/version_id`,
  ],
  [
    'fields that are no list',
    withDescription({ ...description, Fields: {} }),
    'ERR_VMSTATE_SHAPE',
    `${at}/Fields`,
  ],
  [
    'a condition that is no bool',
    withDescription({ ...description, Fields: [{ ...field, field_exists: 1 }] }),
    'ERR_VMSTATE_SHAPE',
    `${at}/Fields/0/field_exists`,
  ],
  ...[-1, 0.5, 2 ** 32, '4', null].map((size): (typeof bad)[number] => [
    `a size of ${JSON.stringify(size)}`,
    withDescription({ ...description, Fields: [field, { ...field, size }] }),
    'ERR_VMSTATE_SHAPE',
    `${at}/Fields/1/size`,
  ]),
  [
    'a subsection within that is no object',
    withDescription({ ...description, Subsections: [description, 'x'] }),
    'ERR_VMSTATE_SHAPE',
    `${at}/Subsections/1`,
  ],
  [
    'a member twice',
    '{"vmschkmachine":{"Name":"a","Name":"b"}}',
    'ERR_VMSTATE_DUPLICATE',
    '/vmschkmachine/Name',
  ],
  ['a device twice', textOf({ nic: {} }).replace(/}$/, `,"nic":{}}`), 'ERR_VMSTATE_DUPLICATE', '/nic'],
  ['more text', `{"a":"${'x'.repeat(4096)}"}`, 'ERR_VMSTATE_LIMIT', 'dump'],
  ['more bytes', new Uint8Array(4097), 'ERR_VMSTATE_LIMIT', 'dump'],
  ['more depth', `{"a":${'['.repeat(12)}${']'.repeat(12)}}`, 'ERR_VMSTATE_LIMIT', 'depth'],
  ['more members', `{${'"a":1,'.repeat(99)}"a":1}`, 'ERR_VMSTATE_LIMIT', 'members'],
  ['more containers', '[],'.repeat(41), 'ERR_VMSTATE_LIMIT', 'containers'],
  ['more devices', textOf({ a: {}, b: {}, c: {} }), 'ERR_VMSTATE_LIMIT', 'dump'],
  [
    'a longer list',
    textOf({ nic: { fields: Array(5).fill(u32('a')) } }),
    'ERR_VMSTATE_LIMIT',
    `${at}/Fields`,
  ],
  [
    'more fields',
    textOf({ a: { fields: Array(4).fill(u32('a')) }, b: { fields: Array(4).fill(u32('a')) } }),
    'ERR_VMSTATE_LIMIT',
    'dump',
  ],
  ['a longer name', textOf({ nic: { name: 'x'.repeat(21) } }), 'ERR_VMSTATE_LIMIT', `${at}/name`],
];

describe('decoding a dump', () => {
  it('takes what QEMU writes', () => {
    const { machine, devices } = decodeDump(
      JSON.stringify({
        nic: {
          ...{ Name: 'nic', version_id: 3, minimum_version_id: 2 },
          Description: {
            ...{ name: 'nic-state', version_id: 3, minimum_version_id: 2 },
            Fields: [field, { ...field, field: 'b', num: 8, field_exists: true, Description: description }],
            Subsections: [{ ...description, name: 'nic/x', Fields: [] }],
          },
        },
        disk: { Name: 'disk', version_id: 0, minimum_version_id: -1 },
        vmschkmachine: { Name: 'pc' },
      }),
    );
    const inner = {
      name: 'nic',
      version: 1,
      minimumVersion: 1,
      fields: undefined,
      subsections: [],
    };
    const a = {
      name: 'a',
      version: 0,
      conditional: false,
      size: 4,
      count: undefined,
      description: undefined,
    };
    assert.equal(machine, 'pc');
    assert.deepEqual(
      [...devices],
      [
        ['disk', { name: 'disk', version: 0, minimumVersion: -1, description: undefined }],
        [
          'nic',
          {
            name: 'nic',
            version: 3,
            minimumVersion: 2,
            description: {
              name: 'nic-state',
              version: 3,
              minimumVersion: 2,
              fields: [a, { ...a, name: 'b', count: 8, conditional: true, description: inner }],
              subsections: [{ ...inner, name: 'nic/x', fields: [] }],
            },
          },
        ],
      ],
    );
  });

  it('leaves out members that nobody knows, whatever is in them', () => {
    const text = textOf({ nic: { fields: [u32('a')] } });
    const more = text.replaceAll('"field"', '"later":{"x":[{"y":null}],"z\\"":"\\\\"},"field"');
    assert.notEqual(more, text);
    assert.deepEqual(decodeDump(more), decodeDump(text));
  });

  it('takes names with colons and brackets in them', () => {
    const shape = { name: 'pci:{"[', fields: [u32('a:b')] };
    assert.equal(decodeDump(textOf({ nic: shape })).devices.get('nic')?.description?.name, shape.name);
  });

  it('takes names that mean something to objects', () => {
    const text = textOf({ nic: { fields: [u32('__proto__'), structure('constructor', { fields: [] })] } });
    const { devices } = decodeDump(text.replaceAll('"nic":', '"__proto__":'));
    assert.deepEqual([...devices.keys()], ['__proto__']);
  });

  it('takes bytes as well as text', () => {
    const text = textOf({ nic: { fields: [u32('a')] } });
    assert.deepEqual(decodeDump(Buffer.from(text)), nic({ fields: [u32('a')] }));
  });

  for (const [what, text, code, place] of bad)
    it(`refuses ${what}, naming the place`, () => {
      assert.throws(() => decodeDump(text, small), { name: 'VmstateError', code, field: place });
    });

  it('is quick to refuse what is as large as is taken', () => {
    const filled = (piece: string) => piece.repeat(VMSTATE_LIMITS.text / piece.length);
    for (const text of [filled('['), filled('[],'), filled('{"a":'), filled('"'), filled('\\'), filled('1,')])
      assert.throws(() => decodeDump(text), { name: 'VmstateError' });
    const deep = (opening: string, inner: string, closing: string, times: number) =>
      assert.throws(() => decodeDump(opening.repeat(times) + inner + closing.repeat(times)), {
        code: 'ERR_VMSTATE_LIMIT',
        field: 'depth',
      });
    deep('[', '', ']', VMSTATE_LIMITS.containers);
    deep('{"a":', '1', '}', VMSTATE_LIMITS.containers);
    const members = (text: string) =>
      `{${text.repeat(VMSTATE_LIMITS.members - 3)}"vmschkmachine":{"Name":"a"}}`;
    assert.throws(() => decodeDump(members('"a":1,')), { code: 'ERR_VMSTATE_DUPLICATE', field: '/a' });
  });
});
