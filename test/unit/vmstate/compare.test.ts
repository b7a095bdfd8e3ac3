import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  compareDumps,
  VMSTATE_CODES,
  type VmstateDump,
  type VmstateReason,
} from '../../../src/vmstate/index.ts';
import { dumpOf, nic, type Shape, structure, u32, unused } from './dumps.ts';

interface Case {
  readonly what: string;
  readonly source: VmstateDump;
  readonly destination: VmstateDump;
  /** As `answer code parameter`. */
  readonly want: readonly string[];
}

function told(reasons: readonly VmstateReason[]): string[] {
  return reasons.map(({ answer, code, parameter = '' }) => `${answer} ${code} ${parameter}`.trim());
}

/** One device with these fields at both ends. */
function fields(
  what: string,
  source: Shape['fields'],
  destination: Shape['fields'],
  want: readonly string[],
): Case {
  return { what, source: nic({ fields: source }), destination: nic({ fields: destination }), want };
}

const [a, b, c, d] = [u32('a'), u32('b'), u32('c'), u32('d')];
const pci: Shape = { name: 'PCIDevice', version: 2, fields: [u32('id'), u32('irq')] };

const cases: readonly Case[] = [
  {
    what: 'a device at the source alone',
    source: dumpOf({ nic: { fields: [a] }, disk: { fields: [b] } }),
    destination: dumpOf({ nic: { fields: [a] } }),
    want: ['no device disk'],
  },
  {
    what: 'a device at the destination alone',
    source: dumpOf({ nic: { fields: [a] } }),
    destination: dumpOf({ nic: { fields: [a] }, disk: { fields: [b] } }),
    want: [],
  },
  {
    what: 'a device with another name and the same state',
    source: dumpOf({ 'nic-1': { name: 'nic', fields: [a] } }),
    destination: dumpOf({ 'nic-2': { name: 'nic', fields: [a] } }),
    want: ['unproven device-renamed nic-1'],
  },
  {
    what: 'a device with another name and another state',
    source: dumpOf({ 'nic-1': { name: 'nic', fields: [a] } }),
    destination: dumpOf({ 'nic-2': { name: 'nic', fields: [a, b] } }),
    want: ['no device nic-1'],
  },
  {
    what: 'a device with two others of the same state',
    source: dumpOf({ 'nic-1': { name: 'nic', fields: [a] } }),
    destination: dumpOf({ 'nic-2': { name: 'nic', fields: [a] }, 'nic-3': { name: 'nic', fields: [a] } }),
    want: ['no device nic-1'],
  },
  {
    what: 'dumps for two machine types',
    source: dumpOf({}, 'pc-1'),
    destination: dumpOf({}, 'pc-2'),
    want: ['yes machine'],
  },
  {
    what: 'another name in the stream',
    source: nic({ name: 'nic', fields: [a] }),
    destination: nic({ name: 'nic2', fields: [a] }),
    want: ['no name nic'],
  },
  {
    what: 'a newer version',
    source: nic({ version: 3, fields: [a] }),
    destination: nic({ version: 2, fields: [a] }),
    want: ['no version nic'],
  },
  {
    what: 'a version that is too old',
    source: nic({ version: 1, fields: [a] }),
    destination: nic({ version: 3, minimum: 2, fields: [a] }),
    want: ['no version nic'],
  },
  {
    what: 'an older version, and a field that came later',
    source: nic({ version: 1, fields: [a] }),
    destination: nic({ version: 3, minimum: 1, fields: [a, u32('b', { version: 2 })] }),
    want: [],
  },
  {
    what: 'a field that came later and is not marked so',
    source: nic({ version: 1, fields: [a] }),
    destination: nic({ version: 3, minimum: 1, fields: [a, b] }),
    want: ['no field-added nic/b'],
  },
  {
    what: 'a field that no version of the source sends any more',
    source: nic({ version: 1, fields: [u32('old', { version: 2 }), a] }),
    destination: nic({ version: 1, fields: [a] }),
    want: [],
  },
  fields(
    'versions of a field that are both below that of the description',
    [u32('a', { version: 1 })],
    [u32('a', { version: 0 })],
    [],
  ),
  {
    what: 'a device that only the destination can migrate',
    source: nic({ fields: undefined }),
    destination: nic({ fields: [a] }),
    want: ['no unmigratable nic'],
  },
  {
    what: 'a device that only the source can migrate',
    source: nic({ fields: [a] }),
    destination: nic({ fields: undefined }),
    want: ['no unmigratable nic'],
  },
  {
    what: 'a device that neither side can migrate',
    source: nic({ fields: undefined }),
    destination: nic({ fields: undefined }),
    want: [],
  },
  fields('a field less', [a, b, c], [a, c], ['no field-missing nic/b']),
  fields('a field more', [a, c], [a, b, c], ['no field-added nic/b']),
  fields('the last field less', [a, b], [a], ['no field-missing nic/b']),
  fields('another length', [a, u32('b', { size: 8 })], [a, b], ['no size nic/b']),
  fields('more elements', [u32('a', { count: 4 })], [u32('a', { count: 5 })], ['no size nic/a']),
  fields(
    'bytes cut up otherwise',
    [u32('a', { size: 1, count: 8 })],
    [u32('a', { size: 8 })],
    ['unproven size nic/a'],
  ),
  fields(
    'a length known at run time at one side',
    [u32('a', { size: 0 })],
    [u32('a', { size: 8 })],
    ['unproven size nic/a'],
  ),
  fields('another name', [a, b, c], [a, d, c], ['yes field-renamed nic/b']),
  fields('another name and length', [a, b, c], [a, u32('d', { size: 2 }), c], ['no field-differs nic/b']),
  fields(
    'another name, and a length known at run time',
    [u32('a', { size: 0 })],
    [u32('b', { size: 0 })],
    ['unproven field-renamed nic/a'],
  ),
  fields(
    'two fields the other way round',
    [a, b, c],
    [b, a, c],
    ['no field-added nic/b', 'no field-missing nic/b'],
  ),
  fields(
    'fields in the place of padding',
    [a, unused(8), d],
    [a, b, c, d],
    ['unproven field-zero nic/b', 'unproven field-zero nic/c'],
  ),
  fields(
    'padding in the place of fields',
    [a, b, c, d],
    [a, unused(8), d],
    ['yes field-ignored nic/b', 'yes field-ignored nic/c'],
  ),
  fields('padding cut up otherwise', [unused(8), a], [unused(2), unused(6), a], []),
  fields('padding that is too short', [a, b, c, d], [a, unused(6), d], ['no field-differs nic/b']),
  fields(
    'a structure that is called as padding is',
    [unused(8)],
    [structure('unused', { name: 'x', fields: [a, b] })],
    ['unproven field-zero nic/unused'],
  ),
  fields('padding alone', [a, unused(4)], [a], ['no field-missing nic/unused']),
  fields(
    'a field under a condition less',
    [a, u32('b', { conditional: true }), c],
    [a, c],
    ['unproven field-missing nic/b'],
  ),
  fields(
    'a field under a condition more',
    [a, c],
    [a, u32('b', { conditional: true }), c],
    ['unproven field-added nic/b'],
  ),
  fields('a condition that went', [u32('a', { conditional: true })], [a], ['yes field-condition nic/a']),
  fields('fields that went into a structure', [a, b, c], [a, structure('s', { fields: [b, c] })], []),
  fields('fields that came out of a structure', [a, structure('s', { fields: [b, c] })], [a, b, c], []),
  fields(
    'fields that went into a structure in a structure',
    [a, b, c],
    [structure('s', { fields: [a, structure('t', { fields: [b] }), c] })],
    [],
  ),
  fields(
    'a field that changed on its way into a structure',
    [a, b, c],
    [a, structure('s', { fields: [u32('b', { size: 2 }), c] })],
    ['no size nic/b'],
  ),
  fields(
    'fields that came out of a structure with subsections',
    [structure('s', { fields: [a, b], subsections: [{ name: 's/x', fields: [c] }] })],
    [a, b],
    ['unproven subsection nic/s/x'],
  ),
  fields(
    'a structure under another name',
    [structure('dev', pci), a],
    [structure('parent_obj', pci), a],
    ['yes field-renamed nic/dev'],
  ),
  fields(
    'a structure under another name, with a field less',
    [structure('dev', pci), a],
    [structure('parent_obj', { ...pci, fields: [u32('id')] }), a],
    ['yes field-renamed nic/dev', 'no field-missing nic/dev/irq'],
  ),
  fields(
    'a structure whose description has another name',
    [structure('dev', pci)],
    [structure('dev', { ...pci, name: 'PCI' })],
    ['yes structure-name nic/dev'],
  ),
  fields(
    'a structure of another version',
    [structure('dev', pci)],
    [structure('dev', { ...pci, version: 1 })],
    ['yes structure-version nic/dev'],
  ),
  fields(
    'a field of a structure that only the version of the destination has',
    [structure('dev', { ...pci, version: 1 })],
    [structure('dev', { ...pci, fields: [u32('id'), u32('irq'), u32('x', { version: 2 })] })],
    ['yes structure-version nic/dev', 'no field-added nic/dev/x'],
  ),
  fields(
    'a structure in the place of bytes',
    [u32('dev', { size: 9 })],
    [structure('dev', pci)],
    ['no structure nic/dev'],
  ),
  fields(
    'a structure of the same bytes',
    [a],
    [structure('a', { fields: [u32('x')] })],
    ['yes structure nic/a'],
  ),
  fields(
    'an array of structures of another length',
    [structure('dev', pci, { count: 2 })],
    [structure('dev', pci, { count: 3 })],
    ['no size nic/dev'],
  ),
  {
    what: 'a description that the destination wraps',
    source: nic({ name: 'vga', fields: [a, b], subsections: [{ name: 'vga.endian', fields: [c] }] }),
    destination: nic({
      name: 'vga-isa',
      fields: [
        structure('state', {
          name: 'vga',
          fields: [a, b],
          subsections: [{ name: 'vga.endian', fields: [c] }],
        }),
      ],
    }),
    want: ['no name nic'],
  },
  {
    what: 'a description that the destination unwraps',
    source: nic({
      name: 'fdc',
      fields: [
        structure('state', { name: 'FDC', fields: [a], subsections: [{ name: 'FDC/x', fields: [c] }] }),
      ],
    }),
    destination: nic({ name: 'FDC', fields: [a] }),
    want: ['no name nic', 'unproven subsection nic/FDC/x'],
  },
  {
    what: 'a subsection at the source alone',
    source: nic({ fields: [a], subsections: [{ name: 'nic/x', fields: [b] }] }),
    destination: nic({ fields: [a] }),
    want: ['unproven subsection nic/nic/x'],
  },
  {
    what: 'a subsection at the destination alone',
    source: nic({ fields: [a] }),
    destination: nic({ fields: [a], subsections: [{ name: 'nic/x', fields: [b] }] }),
    want: [],
  },
  {
    what: 'subsections in another order',
    source: nic({ subsections: [{ name: 'nic/x', fields: [b] }, { name: 'nic/y' }] }),
    destination: nic({ subsections: [{ name: 'nic/y' }, { name: 'nic/x', fields: [b] }] }),
    want: [],
  },
  {
    what: 'differences inside of a subsection',
    source: nic({ subsections: [{ name: 'nic/x', version: 2, fields: [a, b] }] }),
    destination: nic({ subsections: [{ name: 'nic/x', version: 1, fields: [a] }] }),
    want: ['unproven version nic[nic/x]', 'unproven field-missing nic[nic/x]/b'],
  },
  {
    what: 'two subsections of one name',
    source: nic({
      subsections: [
        { name: 'nic/x', fields: [a] },
        { name: 'nic/x', fields: [b] },
      ],
    }),
    destination: nic({
      subsections: [
        { name: 'nic/x', fields: [a] },
        { name: 'nic/x', fields: [c] },
      ],
    }),
    want: ['unproven subsection-twice nic[nic/x]'],
  },
];

describe('comparing dumps', () => {
  for (const { what, source, destination, want } of cases)
    it(what, () => assert.deepEqual(told(compareDumps(source, destination)), want));

  it('finds every kind of difference there is a code for', () => {
    const found = new Set(
      cases.flatMap(({ source, destination }) => compareDumps(source, destination).map(({ code }) => code)),
    );
    assert.deepEqual([...found].sort(), [...VMSTATE_CODES].sort());
  });

  it('looks at the devices in use alone', () => {
    const source = dumpOf({ disk: { fields: [a, b] }, nic: { fields: [a, b] } });
    const destination = dumpOf({ disk: { fields: [a] }, nic: { fields: [a] } });
    assert.deepEqual(told(compareDumps(source, destination, { only: ['nic', 'no-such-device'] })), [
      'no field-missing nic/b',
    ]);
    assert.deepEqual(compareDumps(source, destination, { only: [] }), []);
  });

  it('says what it is about, where, what there is and what to do', () => {
    const [reason] = compareDumps(
      nic({ fields: [a], subsections: [{ name: 'nic/x', fields: [b] }] }),
      nic({ fields: [a] }),
      { where: 'host7' },
    );
    assert.deepEqual(reason, {
      code: 'subsection',
      answer: 'unproven',
      device: 'nic',
      description: 'nic',
      field: 'nic/x',
      parameter: 'nic/nic/x',
      have: 'nic/x',
      where: 'host7',
      message: 'The destination does not know the subsection nic/x, and refuses the state if it is sent',
      remedy:
        'It is sent only when the device needs it: an older machine type, or the property that the feature came with, ' +
        'may keep it away; rehearse the move to be sure',
    });
  });
});
