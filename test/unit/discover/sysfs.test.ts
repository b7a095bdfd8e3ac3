import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatList } from '../../../src/compat/index.ts';
import {
  type AttributeFiles,
  discover,
  HOST_ATTRIBUTES,
  readInventory,
  readParent,
} from '../../../src/discover/index.ts';
import { assertRejects, NIC_TEXT } from './support.ts';
import { Tree, UUID } from './sysfs-tree.ts';

const VALUES = { rss: '1', q: '16', fmt: 'v1', ring: '256' };
const VERSIONS = 'a.com/nic:\n  v1\n  v2\n\nb.com/gpu:\n  q1-v1\n';

/** The files of this host, with some paths leading elsewhere. */
function leading(elsewhere: Readonly<Record<string, string>>): AttributeFiles {
  const to = (path: string) => Object.entries(elsewhere).find(([end]) => path.endsWith(end))?.[1] ?? path;
  return {
    names: HOST_ATTRIBUTES.names,
    resolve: HOST_ATTRIBUTES.resolve,
    read: (path, limit) => HOST_ATTRIBUTES.read(to(path), limit),
    write: (path, value) => HOST_ATTRIBUTES.write(to(path), value),
  };
}

describe('documents in sysfs', () => {
  it('are those of types', async () => {
    using tree = new Tree();
    const type = tree.type('nic-16', { 'migration_info.json': `${NIC_TEXT}\n` });
    const found = await discover(type);
    assert.deepEqual([...found.info.models.keys()], ['a.com/nic']);
    assert.deepEqual(found.from, { kind: 'sysfs', type });
    assert.equal(found.list, undefined);
    assert.equal((await discover(tree.path)).where, type);
  });

  it('have what a device has now, by whatever link it is found', async () => {
    using tree = new Tree();
    const type = tree.type('nic-16', { 'migration_info.json': NIC_TEXT });
    const device = tree.device(UUID, 'nic-16', VALUES);
    const link = join(tree.path, 'link');
    symlinkSync(device, link);
    for (const path of [device, link]) {
      const { list, values, from, model } = await discover(path);
      assert.equal(list && formatList(list), 'a.com/nic\nq=16\nring=256\nrss=on\n');
      assert.deepEqual(
        values,
        new Map<string, unknown>([
          ['fmt', 'v1'],
          ['q', 16n],
          ['ring', 256n],
          ['rss', true],
        ]),
      );
      assert.equal(model?.name, 'a.com/nic');
      assert.deepEqual(from, { kind: 'sysfs', type, device });
    }
  });

  it('are made from the text of v4, where models have versions', async () => {
    using tree = new Tree();
    tree.type('old', { migration_device_models: VERSIONS });
    const device = tree.device(UUID, 'old', { device_model: 'a.com/nic', version: 'v2' });
    const { info, list } = await discover(device);
    assert.deepEqual(
      [...info.models.values()].map(({ name, versions }) => [name, versions]),
      [
        ['a.com/nic', ['v1', 'v2']],
        ['b.com/gpu', ['q1-v1']],
      ],
    );
    assert.equal(list && formatList(list), 'a.com/nic\nversion: v2\n');
  });

  it('are found below a parent, with its devices; one that is bad ends nothing', async () => {
    using tree = new Tree();
    tree.type('a', { 'migration_info.json': NIC_TEXT });
    tree.type('b', { 'migration_info.json': NIC_TEXT });
    tree.type('bad', { 'migration_info.json': '{' });
    tree.type('none', {});
    tree.device(UUID, 'a', VALUES);
    tree.device(UUID.replace('4b', '00'), 'b', {});
    mkdirSync(join(tree.path, 'power'));
    const entries = [];
    for await (const entry of readParent(tree.path))
      entries.push([entry.kind, entry.id, 'error' in entry ? entry.error.code : 'found']);
    assert.deepEqual(entries, [
      ['type', 'a', 'found'],
      ['type', 'b', 'found'],
      ['type', 'bad', 'ERR_DISCOVER_DOCUMENT'],
      ['type', 'none', 'ERR_DISCOVER_NONE'],
      ['device', UUID.replace('4b', '00'), 'ERR_DISCOVER_SYSFS'],
      ['device', UUID, 'found'],
    ]);
    await assertRejects(discover(tree.path), 'ERR_DISCOVER_SEVERAL', /several types: a, b, bad, none/);
    const ids = [];
    for await (const { id } of readInventory(tree.path)) ids.push(id);
    assert.deepEqual(ids, ['a', 'b', 'bad', 'none']);
  });
});

describe('a tree that is not as the RFC has it', () => {
  /** What is done to a device with everything in place, and what is said then. */
  const CASES: readonly [
    what: string,
    spoil: (tree: Tree, device: string) => void,
    code: string,
    message: RegExp,
  ][] = [
    [
      'lacks an attribute',
      (_, device) => rmSync(join(device, 'migration/q')),
      'ERR_DISCOVER_SYSFS',
      /There is no .*migration\/q, which its type says it has$/,
    ],
    [
      'has an attribute that the document does not',
      (_, device) => writeFileSync(join(device, 'migration/tso'), 'on\n'),
      'ERR_DISCOVER_SYSFS',
      /migration\/tso is not in the document of its type/,
    ],
    [
      'has a value of another type',
      (_, device) => writeFileSync(join(device, 'migration/q'), 'many\n'),
      'ERR_DISCOVER_SYSFS',
      /q: found "many", expected a whole number/,
    ],
    [
      'has an attribute of more than a page',
      (_, device) => writeFileSync(join(device, 'migration/q'), '1'.repeat(4097)),
      'ERR_DISCOVER_SIZE',
      /migration\/q has more than 4096 bytes/,
    ],
    [
      'has an attribute that is no text',
      (_, device) => writeFileSync(join(device, 'migration/fmt'), Buffer.of(0xff)),
      'ERR_DISCOVER_TEXT',
      /not UTF-8/,
    ],
    [
      'has a folder in place of an attribute',
      (_, device) => {
        rmSync(join(device, 'migration/q'));
        mkdirSync(join(device, 'migration/q'));
      },
      'ERR_DISCOVER_KIND',
      /q is a folder, expected a regular file/,
    ],
    [
      'has a FIFO in place of an attribute',
      (_, device) => {
        rmSync(join(device, 'migration/q'));
        execFileSync('mkfifo', [join(device, 'migration/q')]);
      },
      'ERR_DISCOVER_KIND',
      /q is a FIFO/,
    ],
    [
      'has a link in place of an attribute',
      (tree, device) => {
        rmSync(join(device, 'migration/q'));
        symlinkSync(tree.file('q', '4\n'), join(device, 'migration/q'));
      },
      'ERR_DISCOVER_READ',
      /q cannot be read: ELOOP/,
    ],
    [
      'has no type',
      (_, device) => rmSync(join(device, 'mdev_type')),
      'ERR_DISCOVER_SYSFS',
      /has no mdev_type: nothing says what it is/,
    ],
    [
      'has a type that is a loop',
      (_, device) => {
        rmSync(join(device, 'mdev_type'));
        symlinkSync('mdev_type', join(device, 'mdev_type'));
      },
      'ERR_DISCOVER_READ',
      /mdev_type cannot be read: ELOOP/,
    ],
    [
      'has a type that lies elsewhere',
      (tree, device) => {
        rmSync(join(device, 'mdev_type'));
        symlinkSync(tree.path, join(device, 'mdev_type'));
      },
      'ERR_DISCOVER_SYSFS',
      /is no type: it is not below a folder mdev_supported_types/,
    ],
    [
      'has no attributes',
      (_, device) => rmSync(join(device, 'migration'), { recursive: true }),
      'ERR_DISCOVER_SYSFS',
      /has no migration: it cannot migrate/,
    ],
    [
      'has a document that is huge',
      (tree) => writeFileSync(join(tree.types, 'nic/migration_info.json'), ' '.repeat(4_194_305)),
      'ERR_DISCOVER_SIZE',
      /migration_info.json has more than 4194304 bytes/,
    ],
    [
      'has parameters of two models',
      (tree) =>
        writeFileSync(
          join(tree.types, 'nic/migration_info.json'),
          NIC_TEXT.replace('{"models":{', '{"models":{"b.com/nic":{"params":{}},'),
        ),
      'ERR_DISCOVER_SYSFS',
      /has parameters of .*, expected one model/,
    ],
  ];

  for (const [what, spoil, code, message] of CASES)
    it(`is an error where a device ${what}`, async () => {
      using tree = new Tree();
      tree.type('nic', { 'migration_info.json': NIC_TEXT });
      const device = tree.device(UUID, 'nic', VALUES);
      assert.ok((await discover(device)).list);
      spoil(tree, device);
      await assertRejects(discover(device), code, message);
    });

  it('is an error where the kernel cannot read an attribute', async () => {
    using tree = new Tree();
    tree.type('nic', { 'migration_info.json': NIC_TEXT });
    const device = tree.device(UUID, 'nic', VALUES);
    // There is nothing at address 0
    const files = leading({ 'migration/q': '/proc/self/mem' });
    await assertRejects(discover(device, { files }), 'ERR_DISCOVER_READ', /cannot be read: EIO/);
  });

  it('is an error where the text of v4 is not one', async () => {
    using tree = new Tree();
    const read = (text: string) => discover(tree.type('old', { migration_device_models: text }));
    await assertRejects(
      read('v1\n'),
      'ERR_DISCOVER_SYSFS',
      /line 1 has "v1", expected a model and a colon first/,
    );
    await assertRejects(
      read('a.com/n:\nv1\na.com/n:\n'),
      'ERR_DISCOVER_SYSFS',
      /line 3 has "a.com\/n:", a model that was/,
    );
    await assertRejects(read('nic:\n  v1\n'), 'ERR_DISCOVER_DOCUMENT', /nic/);
    const type = tree.type('old', { migration_device_models: VERSIONS });
    const device = tree.device(UUID, 'old', { device_model: 'c.com/x', version: 'v2' });
    await assertRejects(
      discover(device),
      'ERR_DISCOVER_SYSFS',
      /device_model has "c.com\/x", expected one of a.com\/nic/,
    );
    assert.ok(await discover(type));
  });

  it('is an error where a folder is none of it, or is not there', async () => {
    using tree = new Tree();
    await assertRejects(discover(tree.path), 'ERR_DISCOVER_SYSFS', /neither a type .* nor a parent/);
    await assertRejects(discover(join(tree.path, 'none')), 'ERR_DISCOVER_MISSING', /There is no .*none/);
    mkdirSync(tree.types);
    await assertRejects(discover(tree.path), 'ERR_DISCOVER_SEVERAL', /has no type/);
  });
});
