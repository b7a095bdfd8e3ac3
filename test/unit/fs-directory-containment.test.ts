/**
 * Nothing that a guest asks for, and nothing that others do in the directory meanwhile, leads out of a shared directory:
 * the ways that past escapes from servers of host directories took, among them CVE-2020-35517 (device nodes),
 * CVE-2020-10717 (descriptors) and CVE-2022-0358 (setgid).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DescriptorBudget } from '../../src/devices/fs/directory/budget.ts';
import { cachePolicies } from '../../src/devices/fs/directory/cache.ts';
import { DirectoryFsDevice } from '../../src/devices/fs/directory/device.ts';
import { directoryFsOptions } from '../../src/devices/fs/directory/options.ts';
import { Share } from '../../src/devices/fs/directory/share.ts';
import {
  encodeRequest,
  FuseError,
  IN_HEADER,
  OUT_HEADER,
  replyRoom,
  requests,
  SetattrValid,
} from '../../src/fuse/index.ts';
import {
  closeFile,
  Errno,
  fileScratch,
  OpenMode,
  openBeneath,
  openPath,
  ThreadCredentials,
} from '../../src/sys/index.ts';
import { anyRequest } from './fs-any-request.ts';
import { ROOT, SECRET, World } from './fs-directory-world.ts';
import { fails, GuestOf, namesIn } from './fs-guest.ts';
import { Meddler } from './fs-meddler.ts';
import { Folder } from './fs-share-support.ts';

const O_RDWR = 2;
const O_TRUNC = 0o1000;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** What `name` is opened as in `dir`, or the name of the error. */
function opened(dir: number, name: string): string {
  Buffer.from(`${name}\0`).copy(fileScratch.name.bytes);
  const fd = openBeneath(dir, fileScratch.name.address, OpenMode.path);
  if (fd >= 0) closeFile(fd);
  const found = Object.entries(Errno).find(([, number]) => number === -fd);
  return fd >= 0 ? 'opened' : String(found?.[0]);
}

test('the kernel is asked to open nothing outside a directory, by no kind of path', () => {
  using world = new World();
  fs.writeFileSync(world.at('file'), '');
  fs.mkdirSync(world.at('sub'));
  fs.symlinkSync('file', world.at('link'));
  fs.symlinkSync(world.outside, world.at('out'));
  const dir = openPath(world.folder);
  assert.deepEqual(
    [
      'file',
      'sub',
      '..',
      '../outside/secret',
      'sub/../..',
      `${world.outside}/secret`,
      '/',
      'link',
      'out',
      'out/secret',
    ].map((name) => opened(dir, name)),
    ['opened', 'opened', 'EXDEV', 'EXDEV', 'EXDEV', 'EXDEV', 'EXDEV', 'ELOOP', 'ELOOP', 'ELOOP'],
  );
  closeFile(dir);
  const links = openPath('/proc/self');
  assert.deepEqual(
    ['root', 'root/etc', 'fd/0', 'exe'].map((name) => opened(links, name)),
    ['ELOOP', 'ELOOP', 'ELOOP', 'ELOOP'],
  );
  closeFile(links);
});

describe('a name with a slash in it, or of dots', () => {
  const names = [
    '../escaped',
    '../outside/secret',
    '/tmp/ferry-escaped',
    'sub/../../escaped',
    '..',
    '.',
    'sub/x',
    '',
  ];
  type Attempt = (world: World, node: number, name: string) => unknown;
  const attempts: Record<string, Attempt> = {
    mkdir: ({ client }, node, name) => client.mkdir(node, name, 0o755),
    mknod: ({ client }, node, name) => client.mknod(node, name, 0o100644),
    symlink: ({ client }, node, name) => client.symlink(node, name, 'x'),
    create: ({ client }, node, name) => client.create(node, name, O_RDWR, 0o644),
    'create and truncate': ({ client }, node, name) => client.create(node, name, O_RDWR | O_TRUNC, 0o644),
    link: (world, node, name) => world.client.link(world.walk('file').node, node, name),
    unlink: ({ client }, node, name) => client.call(requests.unlink(node, name)),
    rmdir: ({ client }, node, name) => client.call(requests.rmdir(node, name)),
    'rename from': ({ client }, node, name) => client.call(requests.rename(node, name, ROOT, 'mine')),
    'rename to': ({ client }, node, name) => client.call(requests.rename(ROOT, 'file', node, name)),
    'exchange with': ({ client }, node, name) => client.call(requests.rename2(ROOT, 'file', node, name, 2)),
  };
  for (const [what, attempt] of Object.entries(attempts))
    test(`is refused: ${what}`, () => {
      using world = new World();
      fs.writeFileSync(world.at('file'), '');
      const { node } = world.client.mkdir(ROOT, 'sub', 0o755);
      for (const name of names)
        for (const directory of [ROOT, node]) fails('EINVAL', () => attempt(world, directory, name));
      assert.deepEqual(namesIn(world.guest, ROOT).sort(), ['.', '..', 'file', 'sub']);
      assert.deepEqual(fs.readdirSync(join(world.folder, '..')).sort(), ['outside', 'shared']);
      assert.ok(world.outsideIsUntouched);
    });

  test('is not looked up either; the directory above the shared one is itself', () => {
    using world = new World();
    const { node } = world.client.mkdir(ROOT, 'sub', 0o755);
    for (const name of names.filter((each) => each.includes('/') || each === ''))
      fails('EINVAL', () => world.client.lookup(ROOT, name));
    assert.equal(world.client.lookup(ROOT, '..').node, ROOT);
    assert.equal(world.client.lookup(ROOT, '.').node, ROOT);
    assert.equal(world.client.lookup(node, '..').node, ROOT);
    assert.equal(world.client.lookup(node, '.').node, node);
  });

  test('is not let out by the inode number of what is above', () => {
    using world = new World();
    const handle = world.client.opendir(ROOT);
    const above = world.client.readdir(ROOT, handle, 0, 4096).find(({ name }) => text(name) === '..');
    assert.equal(above?.ino, fs.statSync(world.folder).ino);
  });
});

describe('a symbolic link', () => {
  const targets = ['outside/secret', '../outside/secret', 'absolute', '/proc/self/root', '/proc/self/fd/0'];
  for (const target of targets)
    test(`to ${target} is a link to the guest, and nothing to the device`, () => {
      using world = new World();
      const { client } = world;
      const to = target === 'absolute' ? join(world.outside, 'secret') : target;
      const { node, mode } = client.symlink(ROOT, 'link', to);
      assert.equal(mode & 0o170000, 0o120000);
      assert.equal(text(client.readlink(node)), to);
      fails('ELOOP', () => client.open(node, O_RDWR));
      fails('ENOTDIR', () => client.opendir(node));
      fails('ENOTDIR', () => client.lookup(node, 'secret'));
      fails('ENOTDIR', () => client.create(node, 'new', O_RDWR, 0o644));
      fails('ELOOP', () => client.create(ROOT, 'link', O_RDWR | O_TRUNC, 0o644));
      fails('EEXIST', () => client.mkdir(ROOT, 'link', 0o755));
      fails('EOPNOTSUPP', () => client.setattr(node, { valid: SetattrValid.mode, mode: 0o777 }));
      fails('EINVAL', () => client.setattr(node, { valid: SetattrValid.size, size: 0 }));
      fails('EPERM', () => client.call(requests.setxattr(node, 'user.note', Buffer.from('x'))));
      client.setattr(node, { valid: SetattrValid.uid, uid: 77 });
      client.link(node, ROOT, 'again');
      assert.equal(fs.readlinkSync(world.at('again')), to);
      assert.equal(fs.lstatSync(world.at('link')).uid, 77);
      assert.equal(fs.statSync(join(world.outside, 'secret')).uid, process.getuid?.());
      assert.ok(world.outsideIsUntouched);
    });

  test('in the place of a directory that the guest knows leads nowhere', () => {
    using world = new World();
    const { client } = world;
    const { node } = client.mkdir(ROOT, 'sub', 0o755);
    fs.renameSync(world.at('sub'), world.at('moved'));
    fs.symlinkSync(world.outside, world.at('sub'));
    fails('ENOENT', () => client.lookup(node, 'secret'));
    client.create(node, 'new', O_RDWR, 0o644);
    assert.deepEqual(fs.readdirSync(world.at('moved')), ['new']);
    assert.equal(client.lookup(ROOT, 'sub').mode & 0o170000, 0o120000);
    assert.ok(world.outsideIsUntouched);
  });

  test('to a file that the guest knows is not that file', () => {
    using world = new World();
    const { client } = world;
    fs.writeFileSync(world.at('file'), '');
    const { node } = client.lookup(ROOT, 'file');
    fs.symlinkSync('file', world.at('link'));
    assert.notEqual(client.lookup(ROOT, 'link').node, node);
    const handle = client.opendir(ROOT);
    const listed = client.readdirplus(ROOT, handle, 0, 4096).map(({ entry }) => entry?.node);
    assert.equal(new Set(listed.filter((each) => each !== 0)).size, 2);
  });

  test('of the kernel, as in /proc, is one as any other', () => {
    using world = new World({ directory: '/proc/self' });
    const { client } = world;
    for (const name of ['root', 'exe', 'cwd']) {
      const { node } = client.lookup(ROOT, name);
      fails('ELOOP', () => client.open(node, 0));
      fails('ENOTDIR', () => client.lookup(node, 'etc'));
      fails('ENOTDIR', () => client.opendir(node));
    }
  });
});

test('a device node, a pipe or a socket is never opened', () => {
  using world = new World();
  const { client } = world;
  execFileSync('mknod', [world.at('zero'), 'c', '1', '5']);
  execFileSync('mknod', [world.at('disk'), 'b', '8', '0']);
  execFileSync('mkfifo', [world.at('pipe')]);
  client.mknod(ROOT, 'socket', 0o140644);
  client.mknod(ROOT, 'made', 0o020666, 0x105);
  for (const name of ['zero', 'disk', 'pipe', 'socket', 'made']) {
    const { node } = client.lookup(ROOT, name);
    for (const flags of [0, 1, O_RDWR]) fails('ENXIO', () => client.open(node, flags));
    fails('ENXIO', () => client.create(ROOT, name, O_RDWR, 0o644));
    fails('EINVAL', () => client.setattr(node, { valid: SetattrValid.size, size: 0 }));
    fails('ENOTDIR', () => client.opendir(node));
  }
});

test('a directory that was moved out is what it was, and no way to what is around it now', () => {
  using world = new World();
  const { client } = world;
  const { node } = client.mkdir(ROOT, 'sub', 0o755);
  const inner = client.mkdir(node, 'inner', 0o755);
  const handle = client.opendir(node);
  const away = join(world.folder, '..', 'away');
  fs.renameSync(world.at('sub'), away);
  fails('ESTALE', () => client.lookup(node, '..'));
  assert.equal(client.lookup(inner.node, '..').node, node);
  assert.deepEqual(
    client
      .readdir(node, handle, 0, 4096)
      .map(({ name }) => text(name))
      .sort(),
    ['.', '..', 'inner'],
  );
  fails('ENOENT', () => client.lookup(ROOT, 'sub'));
});

describe('while others change what a name stands for', () => {
  /** Both have had many turns: enough of the guest's, and of whoever meddles. */
  const goesOn = (round: number, meddler: Meddler) =>
    round < 1000 || (meddler.rounds < 100 && round < 100_000);

  test('a file and a link to a secret, in turn: the secret is neither read nor written', async () => {
    using world = new World();
    const { client } = world;
    fs.writeFileSync(world.at('name'), 'mine');
    fs.symlinkSync(join(world.outside, 'secret'), world.at('link'));
    await using meddler = await Meddler.start('exchange', world.at('name'), world.at('link'));
    const seen = new Set<string>();
    for (let round = 0; goesOn(round, meddler); round++)
      for (const attempt of [
        () => client.open(client.lookup(ROOT, 'name').node, O_RDWR),
        () => client.create(ROOT, 'name', O_RDWR, 0o644).handle,
      ])
        try {
          const handle = attempt();
          const { node } = world.guest.device.share.files.get(handle)!.inode;
          assert.equal(text(client.read(node, handle, 0, 100)), 'mine');
          client.write(node, handle, 0, Buffer.from('mine'));
          client.call(requests.release(node, handle));
          seen.add('opened');
        } catch (error) {
          if (!(error instanceof FuseError)) throw error;
          seen.add(error.errnoName);
        }
    assert.deepEqual([...seen].sort(), ['ELOOP', 'opened']);
    assert.ok(world.outsideIsUntouched);
  });

  test('a directory and a link to one outside, in turn: nothing is made, listed or found outside', async () => {
    using world = new World();
    const { client } = world;
    fs.mkdirSync(world.at('name'));
    fs.symlinkSync(world.outside, world.at('link'));
    await using meddler = await Meddler.start('exchange', world.at('name'), world.at('link'));
    const seen = new Set<string>();
    for (let round = 0; goesOn(round, meddler); round++)
      try {
        const { node } = client.lookup(ROOT, 'name');
        if (client.find(node, 'secret') !== undefined) seen.add('escaped');
        const handle = client.opendir(node);
        for (const { name } of client.readdirplus(node, handle, 0, 4096)) seen.add(text(name));
        client.call(requests.releasedir(node, handle));
        client.create(node, 'made', O_RDWR, 0o644);
        client.call(requests.unlink(node, 'made'));
      } catch (error) {
        if (!(error instanceof FuseError)) throw error;
        seen.add(error.errnoName);
      }
    assert.deepEqual([...seen].sort(), ['.', '..', 'ENOTDIR']);
    assert.ok(world.outsideIsUntouched);
  });

  test('a directory that comes and goes: what is in it is not there, and nothing else happens', async () => {
    using world = new World();
    const { client } = world;
    await using meddler = await Meddler.start('come and go', world.at('name'), world.at('unused'));
    const seen = new Set<string>();
    for (let round = 0; goesOn(round, meddler); round++)
      try {
        const { node } = client.lookup(ROOT, 'name');
        client.mkdir(node, 'inner', 0o755);
        client.call(requests.rmdir(node, 'inner'));
        seen.add('made and removed');
      } catch (error) {
        if (!(error instanceof FuseError)) throw error;
        seen.add(error.errnoName);
      }
    assert.deepEqual(
      [...seen].filter((what) => what !== 'ENOENT' && what !== 'made and removed'),
      [],
    );
    assert.ok(seen.has('ENOENT'));
  });
});

test('whatever bytes a guest sends, it is answered, and nothing outside is touched', () => {
  const change = fc.record({ at: fc.nat(200), byte: fc.nat(255) });
  const damage = fc.record({ changes: fc.array(change, { maxLength: 4 }), cut: fc.option(fc.nat(200)) });
  const root = fs.lstatSync('/');
  fc.assert(
    fc.property(fc.array(fc.tuple(anyRequest, damage), { minLength: 20, maxLength: 120 }), (sequence) => {
      using world = new World();
      fs.symlinkSync(world.outside, world.at('a'));
      fs.symlinkSync('/', world.at('b'));
      world.client.mkdir(ROOT, 'c', 0o755);
      for (const name of ['a', 'b', 'c']) world.client.lookup(ROOT, name);
      for (const [request, { changes, cut }] of sequence) {
        const whole = encodeRequest(request, 7n);
        // The length goes with the bytes, so that it is the rest that is looked at.
        const bytes = whole.slice(0, cut === null ? whole.length : Math.max(IN_HEADER, cut));
        for (const { at, byte } of changes) if (at > 4 && at < bytes.length) bytes[at] = byte;
        new DataView(bytes.buffer).setUint32(0, bytes.length, true);
        const room = Math.max(OUT_HEADER, replyRoom(request));
        const answer = world.guest.send(bytes, room);
        if (answer !== undefined && answer.length > 0)
          assert.equal(new DataView(answer.buffer).getUint32(0, true), answer.length);
      }
      assert.ok(world.outsideIsUntouched);
      assert.deepEqual(fs.readdirSync(join(world.folder, '..')).sort(), ['outside', 'shared']);
      assert.equal(fs.lstatSync('/').ino, root.ino);
    }),
    { numRuns: 60 },
  );
});

describe('with few descriptors', () => {
  /** A guest of a device that may hold 64 descriptors for it. */
  function poorGuest(folder: Folder): GuestOf<DirectoryFsDevice> {
    const credentials = new ThreadCredentials();
    const budget = new DescriptorBudget(0);
    const share = Share.open({ path: folder.path, budget, credentials, cache: cachePolicies.auto });
    const options = directoryFsOptions({ directory: folder.path });
    const settings = { ...options, config: undefined, ownMask: true };
    const guest = new GuestOf(new DirectoryFsDevice(share, settings));
    guest.client.init();
    return guest;
  }

  test('a guest refers to as many files as it likes', () => {
    using folder = new Folder();
    for (let i = 0; i < 500; i++) folder.write(`file${i}`, String(i));
    using guest = poorGuest(folder);
    const { client } = guest;
    const nodes = Array.from({ length: 500 }, (_, i) => client.lookup(ROOT, `file${i}`).node);
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    assert.ok(guest.device.share.inodes.closed >= 430, `${guest.device.share.inodes.closed} closed`);
    const before = descriptors();
    for (const [i, node] of nodes.entries()) {
      const handle = client.open(node, 0);
      assert.equal(text(client.read(node, handle, 0, 10)), String(i));
      client.call(requests.release(node, handle));
    }
    assert.ok(descriptors() <= before + 1);
  });

  test('a guest that opens too many files is told so, and can go on when it closes some', () => {
    using folder = new Folder();
    folder.write('file');
    using guest = poorGuest(folder);
    const { client } = guest;
    const { node } = client.lookup(ROOT, 'file');
    const handles: number[] = [];
    fails('ENFILE', () => {
      for (;;) handles.push(client.open(node, 0));
    });
    assert.ok(handles.length >= 32 && handles.length < 64, `${handles.length} handles`);
    fails('ENFILE', () => client.create(ROOT, 'new', O_RDWR, 0o644));
    client.call(requests.release(node, handles.pop()!));
    client.call(requests.release(node, handles.pop()!));
    client.create(ROOT, 'new', O_RDWR, 0o644);
  });

  test('a file that others renamed is found, and one that others replaced is not taken for it', () => {
    using folder = new Folder();
    for (const name of ['renamed', 'replaced', 'moved']) folder.write(name, name);
    for (let i = 0; i < 200; i++) folder.write(`file${i}`);
    using guest = poorGuest(folder);
    const { client } = guest;
    const [renamed, replaced, moved] = ['renamed', 'replaced', 'moved'].map(
      (name) => client.lookup(ROOT, name).node,
    );
    for (let i = 0; i < 200; i++) client.lookup(ROOT, `file${i}`);
    for (const node of [renamed, replaced, moved]) assert.equal(guest.device.share.inodes.get(node!)?.fd, -1);
    fs.renameSync(folder.at('renamed'), folder.at('elsewhere'));
    fs.rmSync(folder.at('replaced'));
    folder.write('replaced', SECRET);
    assert.equal(client.getattr(renamed!).size, 'renamed'.length);
    fails('ESTALE', () => client.getattr(replaced!));
    fails('ESTALE', () => client.open(replaced!, 0));
    assert.notEqual(client.lookup(ROOT, 'replaced').node, replaced);
  });

  test('a file whose last name the guest takes away is kept for it', () => {
    using folder = new Folder();
    folder.write('doomed', 'kept');
    for (let i = 0; i < 200; i++) folder.write(`file${i}`);
    using guest = poorGuest(folder);
    const { client } = guest;
    const { node } = client.lookup(ROOT, 'doomed');
    for (let i = 0; i < 200; i++) client.lookup(ROOT, `file${i}`);
    client.call(requests.unlink(ROOT, 'doomed'));
    for (let i = 0; i < 200; i++) client.lookup(ROOT, `file${i}`);
    assert.equal(client.getattr(node).nlink, 0);
    const handle = client.open(node, 0);
    assert.equal(text(client.read(node, handle, 0, 10)), 'kept');
  });
});
