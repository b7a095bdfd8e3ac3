import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { descriptorFolders, findDescriptors, readDescriptors } from '../../../src/discover/index.ts';
import { assertRejects, Folder, NIC_TEXT } from './support.ts';

function descriptor(members: object = {}): string {
  return JSON.stringify({ description: 'a device', type: 'fs', binary: '/usr/libexec/a', ...members });
}

/** Three folders, the least specific first. */
function threeFolders(): { folders: string[]; root: Folder } & Disposable {
  const root = new Folder();
  const folders = ['share', 'etc', 'home'].map((name) => join(root.path, name));
  for (const folder of folders) mkdirSync(folder);
  return { folders, root, [Symbol.dispose]: () => root[Symbol.dispose]() };
}

describe('descriptors of back ends', () => {
  it('are looked for where QEMU lays down', () => {
    const user = (env: NodeJS.ProcessEnv) => descriptorFolders(env)[2];
    assert.deepEqual(descriptorFolders({ HOME: '/home/a' }), [
      '/usr/share/qemu/vhost-user',
      '/etc/qemu/vhost-user',
      '/home/a/.config/qemu/vhost-user',
    ]);
    assert.equal(user({ HOME: '/home/a', XDG_CONFIG_HOME: '/x' }), '/x/qemu/vhost-user');
    assert.equal(user({ HOME: '/home/a', XDG_CONFIG_HOME: 'x' }), '/home/a/.config/qemu/vhost-user');
    assert.equal(user({ HOME: '/home/a', XDG_CONFIG_HOME: '' }), '/home/a/.config/qemu/vhost-user');
  });

  it('are ordered by their file names over all folders, and hidden by more specific ones', async () => {
    using world = threeFolders();
    const { folders, root } = world;
    root.file('share/50-a.json', descriptor({ binary: '/usr/libexec/a' }));
    root.file('share/60-b.json', descriptor({ binary: '/usr/libexec/b', type: 'block' }));
    root.file('share/70-c.json', descriptor({ binary: '/usr/libexec/c' }));
    root.file('share/80-d.json', descriptor({ binary: '/usr/libexec/d' }));
    root.file('share/notes.txt', 'no descriptor');
    root.file('etc/10-e.json', descriptor({ binary: '/usr/libexec/e' }));
    root.file('etc/50-a.json', descriptor({ binary: '/opt/a', tags: ['x'], features: ['migrate-precopy'] }));
    root.file('home/70-c.json', '');
    root.file('home/80-d.json', 'damaged');
    const { descriptors, problems } = await findDescriptors({ folders });
    assert.deepEqual(
      descriptors.map(({ binary }) => binary),
      ['/usr/libexec/e', '/opt/a', '/usr/libexec/b'],
    );
    assert.deepEqual(descriptors[1], {
      path: join(root.path, 'etc/50-a.json'),
      description: 'a device',
      type: 'fs',
      binary: '/opt/a',
      features: ['migrate-precopy'],
    });
    assert.deepEqual(
      problems.map(({ path, error }) => [path, error.code]),
      [[join(root.path, 'home/80-d.json'), 'ERR_DISCOVER_DESCRIPTOR']],
    );
    const blocks = await findDescriptors({ folders, type: 'block' });
    assert.deepEqual(
      blocks.descriptors.map(({ binary }) => binary),
      ['/usr/libexec/b'],
    );
  });

  it('are none where there are no folders, and an error where one cannot be read', async () => {
    using folder = new Folder();
    const none = await findDescriptors({ folders: [join(folder.path, 'none')] });
    assert.deepEqual(none, { descriptors: [], problems: [] });
    const loop = join(folder.path, 'loop');
    symlinkSync('loop', loop);
    await assertRejects(
      findDescriptors({ folders: [loop] }),
      'ERR_DISCOVER_READ',
      /loop cannot be read: ELOOP/,
    );
  });

  it('are passed over by name where they are bad', async () => {
    using world = threeFolders();
    const { folders, root } = world;
    const bad: readonly [name: string, text: string | Uint8Array, code: string, message: RegExp][] = [
      ['a', '{', 'ERR_DISCOVER_DESCRIPTOR', /a.json is no JSON/],
      ['b', '[]', 'ERR_DISCOVER_DESCRIPTOR', /the whole: /],
      [
        'c',
        descriptor({ type: 'tape' }),
        'ERR_DISCOVER_DESCRIPTOR',
        /c.json is no descriptor of a back end: type: /,
      ],
      [
        'd',
        descriptor({ binary: 'virtiofsd' }),
        'ERR_DISCOVER_DESCRIPTOR',
        /binary: expected an absolute path/,
      ],
      ['e', descriptor({ description: 5 }), 'ERR_DISCOVER_DESCRIPTOR', /description: /],
      ['f', Buffer.of(0xff), 'ERR_DISCOVER_TEXT', /1 bytes that are not UTF-8/],
      ['g', Buffer.alloc(65_537, 32), 'ERR_DISCOVER_SIZE', /more than 65536 bytes/],
      ['h', `${'['.repeat(60_000)}`, 'ERR_DISCOVER_DESCRIPTOR', /h.json is no JSON/],
      ['i', descriptor({ features: 'x' }), 'ERR_DISCOVER_DESCRIPTOR', /features: /],
    ];
    for (const [name, text] of bad) root.file(`share/${name}.json`, text);
    execFileSync('mkfifo', [join(root.path, 'share/j.json')]);
    mkdirSync(join(root.path, 'share/k.json'));
    symlinkSync('nowhere', join(root.path, 'share/l.json'));
    root.file('share/z.json', descriptor());
    const { descriptors, problems } = await findDescriptors({ folders });
    assert.equal(descriptors.length, 1);
    for (const [i, [, , code, message]] of bad.entries()) {
      assert.equal(problems[i]?.error.code, code);
      assert.match(problems[i]?.error.message ?? '', message);
    }
    assert.deepEqual(
      problems.slice(bad.length).map(({ error }) => error.code),
      ['ERR_DISCOVER_KIND', 'ERR_DISCOVER_KIND', 'ERR_DISCOVER_MISSING'],
    );
  });

  it('lead to the documents of their programs; one that has none ends nothing', async () => {
    using world = threeFolders();
    const { folders, root } = world;
    const good = root.script('nic', `cat <<'END'\n${NIC_TEXT}\nEND`);
    const old = root.script('old', 'echo "error: unexpected argument \'$1\' found" >&2; exit 2');
    root.file('share/1.json', descriptor({ binary: old }));
    root.file('share/2.json', descriptor({ binary: join(root.path, 'gone') }));
    root.file('share/3.json', descriptor({ binary: good, type: 'net' }));
    const { descriptors } = await findDescriptors({ folders });
    const told = [];
    for await (const one of readDescriptors(descriptors))
      told.push([
        one.descriptor.binary,
        'error' in one ? one.error.code : [...one.discovered.info.models.keys()],
      ]);
    assert.deepEqual(told, [
      [old, 'ERR_DISCOVER_NONE'],
      [join(root.path, 'gone'), 'ERR_DISCOVER_START'],
      [good, ['a.com/nic']],
    ]);
  });
});
