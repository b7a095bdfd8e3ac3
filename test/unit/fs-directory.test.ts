/** Each operation on a shared directory: what the guest is answered, and what is on the host then. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { createDirectoryFsDevice } from '../../src/devices/fs/index.ts';
import { CLIENT_FLAGS, InitFlag, requests, SetattrValid, StatxOut, WriteFlag } from '../../src/fuse/index.ts';
import { ROOT, World } from './fs-directory-world.ts';
import { fails, namesIn } from './fs-guest.ts';
import { Folder } from './fs-share-support.ts';

const MIB = 2 ** 20;
const O_RDWR = 2;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test('what stat says on the host is what the guest is told', () => {
  using world = new World();
  fs.writeFileSync(world.at('file'), Buffer.alloc(10_000));
  fs.chmodSync(world.at('file'), 0o640);
  fs.chownSync(world.at('file'), 12, 34);
  fs.utimesSync(world.at('file'), -5.5, 1_234_567_890.125);
  fs.symlinkSync('a target', world.at('link'));
  fs.mkdirSync(world.at('sub'));
  execFileSync('mknod', [world.at('node'), 'c', '300', '70000']);
  for (const name of ['file', 'link', 'sub', 'node']) {
    const entry = world.client.lookup(ROOT, name);
    const stat = fs.lstatSync(world.at(name), { bigint: true });
    assert.deepEqual(
      [entry.ino, entry.size, entry.blocks, entry.mode, entry.nlink, entry.uid, entry.gid],
      [stat.ino, stat.size, stat.blocks, stat.mode, stat.nlink, stat.uid, stat.gid].map(Number),
    );
    assert.equal(entry.rdev, name === 'node' ? (70000 & 0xff) | (300 << 8) | ((70000 & ~0xff) << 12) : 0);
    for (const which of ['atime', 'mtime', 'ctime'] as const)
      assert.equal(
        BigInt(entry[which]) * 1_000_000_000n + BigInt(entry[`${which}Nanos`]),
        stat[`${which}Ns`],
      );
    const { ino, size, mode } = world.client.getattr(entry.node);
    assert.deepEqual([ino, size, mode], [entry.ino, entry.size, entry.mode]);
    const statx = StatxOut.decode(world.client.call(requests.statx(entry.node, 0xfff)));
    assert.equal(BigInt(statx.btime) * 1_000_000_000n + BigInt(statx.btimeNanos), stat.birthtimeNs);
    assert.deepEqual([statx.ino, statx.size, statx.mode], [entry.ino, entry.size, entry.mode]);
  }
});

test('names of one file are one node, and the node is gone when the guest forgets it', () => {
  using world = new World();
  const { client } = world;
  fs.writeFileSync(world.at('one'), 'x');
  fs.linkSync(world.at('one'), world.at('two'));
  const { node } = client.lookup(ROOT, 'one');
  assert.equal(client.lookup(ROOT, 'two').node, node);
  assert.equal(world.guest.device.share.inodes.get(node)?.lookups, 2);
  client.forget(node, 1);
  assert.equal(client.getattr(node).nlink, 2);
  client.forget(node, 1);
  fails('ESTALE', () => client.getattr(node));
  assert.notEqual(client.lookup(ROOT, 'one').node, node);
});

test('a name that is not there is an error, or nothing for a while', () => {
  for (const [cache, expected] of [
    ['none', undefined],
    ['auto', 1],
    ['always', 86_400],
  ] as const) {
    using world = new World({ cache });
    const ask = () => world.client.find(ROOT, 'nothing');
    if (expected === undefined) fails('ENOENT', ask);
    else assert.equal(ask(), undefined);
    fs.writeFileSync(world.at('file'), '');
    const { entryValid, attributesValid } = world.client.lookup(ROOT, 'file');
    assert.deepEqual([entryValid, attributesValid], [expected ?? 0, expected ?? 0]);
    fs.chmodSync(world.at('file'), 0o4755);
    assert.equal(world.client.lookup(ROOT, 'file').attributesValid, 0);
  }
});

test('contents are invalidated by what others change, unless nobody else changes anything', () => {
  const flagsWith = (cache: string) => {
    using world = new World({ cache });
    const { flags, flags2 } = world.client.init(CLIENT_FLAGS | InitFlag.directIoAllowMmap);
    return BigInt(flags) | (BigInt(flags2) << 32n);
  };
  for (const cache of ['none', 'auto', 'always']) {
    const flags = flagsWith(cache);
    assert.equal((flags & InitFlag.autoInvalidateData) !== 0n, cache !== 'always');
    assert.equal((flags & InitFlag.explicitInvalidateData) !== 0n, cache === 'always');
    assert.equal((flags & InitFlag.directIoAllowMmap) !== 0n, cache === 'none');
    const never =
      InitFlag.writebackCache | InitFlag.posixAcl | InitFlag.exportSupport | InitFlag.securityContext;
    assert.equal(flags & never, 0n);
  }
});

test('READ and WRITE are what the host has, in one piece and in many, to the end of the file', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  const bytes = Buffer.from(Array.from({ length: MIB }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  for (const piece of [4096, 100, 2 ** 22]) {
    world.guest.piece = piece;
    assert.equal(client.write(node, handle, 5, bytes), MIB);
    assert.equal(Buffer.compare(fs.readFileSync(world.at('file')).subarray(5), bytes), 0);
    assert.equal(Buffer.compare(client.read(node, handle, 5, MIB), bytes), 0);
    assert.equal(client.read(node, handle, MIB, 100).length, 5);
    assert.equal(client.read(node, handle, MIB + 5, 100).length, 0);
    assert.equal(client.read(node, handle, 2 ** 60, 100).length, 0);
  }
  fails('EFBIG', () => client.write(node, handle, 2 ** 60, bytes.subarray(0, 1)));
  const reading = client.open(node, 0);
  fails('EBADF', () => client.write(node, reading, 0, bytes.subarray(0, 1)));
  const writing = client.open(node, 1);
  fails('EBADF', () => client.read(node, writing, 0, 1));
  fails('EBADF', () => client.read(node, 999, 0, 1));
  client.call(requests.release(node, handle));
  fails('EBADF', () => client.read(node, handle, 0, 1));
});

test('what is appended goes to the end, where others have moved it; what was mapped goes where it belongs', () => {
  using world = new World();
  const { client } = world;
  fs.writeFileSync(world.at('log'), 'begin ');
  const { node } = client.lookup(ROOT, 'log');
  const handle = client.open(node, 1 | O_APPEND);
  fs.appendFileSync(world.at('log'), 'theirs ');
  client.write(node, handle, 6, Buffer.from('ours'), 0, 1 | O_APPEND);
  assert.equal(fs.readFileSync(world.at('log'), 'utf8'), 'begin theirs ours');
  client.write(node, handle, 0, Buffer.from('BEGIN'), WriteFlag.cache, 1 | O_APPEND);
  assert.equal(fs.readFileSync(world.at('log'), 'utf8'), 'BEGIN theirs ours');
});

test('CREATE makes a file, opens what is there, or says that it is there', () => {
  using world = new World();
  const { client } = world;
  fs.writeFileSync(world.at('there'), 'contents');
  fails('EEXIST', () => client.create(ROOT, 'there', O_RDWR | O_EXCL, 0o644));
  const opened = client.create(ROOT, 'there', O_RDWR, 0o600);
  assert.equal(text(client.read(opened.entry.node, opened.handle, 0, 20)), 'contents');
  assert.equal(opened.entry.size, 8);
  const emptied = client.create(ROOT, 'there', O_RDWR | O_TRUNC, 0o600);
  assert.deepEqual([emptied.entry.node, emptied.entry.size], [opened.entry.node, 0]);
  const made = client.create(ROOT, 'new', O_RDWR | O_EXCL, 0o666, 0o027);
  assert.equal(fs.statSync(world.at('new')).mode, 0o100640);
  assert.equal(made.entry.ino, fs.statSync(world.at('new')).ino);
  fails('EISDIR', () => client.create(ROOT, client.mkdir(ROOT, 'sub', 0o755) && 'sub', 0, 0o644));
});

test('a file that was just made is the same file when it was closed, renamed or removed', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  assert.equal(world.guest.device.share.inodes.get(entry.node)?.fd, -1);
  fs.renameSync(world.at('file'), world.at('moved'));
  client.setattr(entry.node, { valid: SetattrValid.mode, mode: 0o600 });
  assert.equal(fs.statSync(world.at('moved')).mode & 0o777, 0o600);
  const second = client.create(ROOT, 'second', O_RDWR, 0o644);
  client.call(requests.release(second.entry.node, second.handle));
  fs.rmSync(world.at('second'));
  assert.equal(client.getattr(second.entry.node).nlink, 0);
  client.call(requests.unlink(ROOT, 'moved'));
  client.call(requests.release(entry.node, handle));
  assert.equal(client.getattr(entry.node).nlink, 0);
});

test('files without a name can be given one', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.tmpfile(ROOT, O_RDWR, 0o640);
  assert.equal(entry.nlink, 0);
  client.write(entry.node, handle, 0, Buffer.from('nameless'));
  assert.equal(client.link(entry.node, ROOT, 'named').nlink, 1);
  assert.equal(fs.readFileSync(world.at('named'), 'utf8'), 'nameless');
  const never = client.tmpfile(ROOT, O_RDWR | O_EXCL, 0o640);
  fails('ENOENT', () => client.link(never.entry.node, ROOT, 'never'));
});

test('everything that can be made is made on the host', () => {
  using world = new World();
  const { client } = world;
  client.mkdir(ROOT, 'sub', 0o777, 0o022);
  client.mknod(ROOT, 'plain', 0o100666, 0, 0o002);
  client.mknod(ROOT, 'pipe', 0o010600);
  client.mknod(ROOT, 'socket', 0o140600);
  client.mknod(ROOT, 'disk', 0o060600, (4 << 8) | 3);
  client.symlink(ROOT, 'link', 'over/there');
  fails('EINVAL', () => client.mknod(ROOT, 'other', 0o040600));
  fails('EEXIST', () => client.mkdir(ROOT, 'plain', 0o777));
  fails('ENOENT', () => client.symlink(ROOT, 'nowhere', ''));
  const modes = Object.fromEntries(
    fs.readdirSync(world.folder).map((name) => [name, fs.lstatSync(world.at(name)).mode]),
  );
  assert.deepEqual(modes, {
    sub: 0o040755,
    plain: 0o100664,
    pipe: 0o010600,
    socket: 0o140600,
    disk: 0o060600,
    link: 0o120777,
  });
  assert.equal(fs.statSync(world.at('disk')).rdev, (4 << 8) | 3);
  assert.equal(fs.readlinkSync(world.at('link')), 'over/there');
});

test('names are taken away and moved as the host does it', () => {
  using world = new World();
  const { client } = world;
  for (const name of ['a', 'b', 'c']) client.create(ROOT, name, O_RDWR, 0o644);
  const sub = client.mkdir(ROOT, 'sub', 0o755).node;
  client.create(sub, 'inner', O_RDWR, 0o644);
  fails('ENOTEMPTY', () => client.call(requests.rmdir(ROOT, 'sub')));
  fails('EISDIR', () => client.call(requests.unlink(ROOT, 'sub')));
  fails('ENOTDIR', () => client.call(requests.rmdir(ROOT, 'a')));
  fails('ENOENT', () => client.call(requests.unlink(ROOT, 'x')));
  fails('EEXIST', () => client.call(requests.rename2(ROOT, 'a', ROOT, 'b', 1)));
  fails('EINVAL', () => client.call(requests.rename2(ROOT, 'a', ROOT, 'b', 8)));
  fails('EINVAL', () => client.call(requests.rename(ROOT, 'sub', sub, 'within')));
  const [a, b, c] = ['a', 'b', 'c'].map((name) => client.lookup(ROOT, name).node);
  client.call(requests.rename2(ROOT, 'a', sub, 'inner', 2));
  assert.equal(client.lookup(sub, 'inner').node, a);
  client.call(requests.rename(ROOT, 'b', ROOT, 'c'));
  assert.deepEqual([client.lookup(ROOT, 'c').node, client.getattr(c!).nlink], [b, 0]);
  client.call(requests.rename2(ROOT, 'c', sub, 'd', 4));
  assert.equal(fs.lstatSync(world.at('c')).mode & 0o170000, 0o020000);
  assert.deepEqual(
    ['inner', 'd'].map(
      (name) => world.guest.device.share.inodes.get(client.lookup(sub, name).node)?.parent?.node,
    ),
    [sub, sub],
  );
  const inode = world.guest.device.share.inodes.get(c!);
  assert.deepEqual([inode?.removed, inode?.parent], [true, undefined]);
});

test('attributes are changed on the host', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  const change = (valid: number, rest = {}) => client.setattr(node, { valid, ...rest });
  const { mode, size, uid, gid, atime, mtime, atimeNow } = SetattrValid;
  change(mode, { mode: 0o6751 });
  assert.equal(fs.statSync(world.at('file')).mode & 0o7777, 0o6751);
  change(uid | gid, { uid: 12, gid: 34 });
  assert.equal(fs.statSync(world.at('file')).mode & 0o7777, 0o751);
  change(uid, { uid: 13 });
  assert.deepEqual([fs.statSync(world.at('file')).uid, fs.statSync(world.at('file')).gid], [13, 34]);
  change(size, { size: 5000 });
  change(size | SetattrValid.handle, { size: 6000, handle });
  assert.equal(fs.statSync(world.at('file')).size, 6000);
  change(atime | mtime, { atime: -7, atimeNanos: 5, mtime: 9, mtimeNanos: 6 });
  const stat = fs.statSync(world.at('file'), { bigint: true });
  assert.deepEqual([stat.atimeNs, stat.mtimeNs], [-6_999_999_995n, 9_000_000_006n]);
  change(atime | atimeNow);
  assert.ok(Math.abs(fs.statSync(world.at('file')).atimeMs - Date.now()) < 60_000);
  assert.equal(fs.statSync(world.at('file'), { bigint: true }).mtimeNs, 9_000_000_006n);
  fails('EINVAL', () => change(mtime, { mtimeNanos: 1_000_000_000 }));
  fails('EINVAL', () => change(size, { size: 2 ** 63 }));
  fails('EFBIG', () => change(size, { size: 2 ** 60 }));
  fails('EBADF', () => change(size | SetattrValid.handle, { size: 1, handle: 999 }));
  fails('EISDIR', () => client.setattr(ROOT, { valid: size, size: 0 }));
});

test('extended attributes of users, of root and for capabilities come through, and no others', () => {
  using world = new World();
  const { client } = world;
  const { node } = client.create(ROOT, 'file', O_RDWR, 0o755).entry;
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  client.call(requests.setxattr(node, 'user.note', Buffer.from('value')));
  client.call(requests.setxattr(node, 'trusted.overlay.opaque', Buffer.from('y')));
  client.call(requests.setxattr(node, 'security.capability', capability));
  assert.equal(text(client.getxattr(node, 'user.note')), 'value');
  assert.deepEqual(client.getxattr(node, 'security.capability'), new Uint8Array(capability));
  assert.deepEqual(client.listxattr(node).sort(), [
    'security.capability',
    'trusted.overlay.opaque',
    'user.note',
  ]);
  const { handle } = client.create(ROOT, 'file', O_RDWR, 0o755);
  client.write(node, handle, 0, Buffer.from('x'));
  fails('ENODATA', () => client.getxattr(node, 'security.capability'));
  client.call(requests.removexattr(node, 'user.note'));
  fails('ENODATA', () => client.call(requests.removexattr(node, 'user.note')));
  for (const name of [
    'security.selinux',
    'security.ima',
    'system.posix_acl_access',
    'user',
    'other.x',
    'security.capability.x',
  ])
    fails('EOPNOTSUPP', () => client.call(requests.setxattr(node, name, Buffer.from('x'))));
  fails('EOPNOTSUPP', () => client.getxattr(node, 'security.selinux'));
});

test('READDIR and READDIRPLUS list everything once, in pieces of any size, and go on where they were', () => {
  using world = new World();
  const { client } = world;
  const expected = ['.', '..'];
  for (let i = 0; i < 300; i++) expected.push(`${'n'.repeat((i * 37) % 240)}${i}`);
  for (const name of expected.slice(2)) fs.writeFileSync(world.at(name), '');
  for (const size of [300, 1000, 4096, 65_536])
    assert.deepEqual(namesIn(world.guest, ROOT, size).sort(), expected.toSorted());
  const handle = client.opendir(ROOT);
  const found = new Map<string, number>();
  let middle: { cookie: number | bigint; rest: string[] } | undefined;
  for (let cookie: number | bigint = 0; ; ) {
    const entries = client.readdirplus(ROOT, handle, cookie, 3000);
    if (entries.length === 0) break;
    for (const { name, ino, entry } of entries) {
      found.set(text(name), entry?.node ?? 0);
      if (entry?.node) assert.equal(entry.ino, ino);
    }
    cookie = entries.at(-1)!.cookie;
    middle ??= { cookie, rest: expected.filter((name) => !found.has(name)) };
  }
  assert.deepEqual([...found.keys()].sort(), expected.toSorted());
  assert.deepEqual([found.get('.'), found.get('..')], [0, 0]);
  const again: string[] = [];
  for (let { cookie } = middle!; ; ) {
    const entries = client.readdir(ROOT, handle, cookie, 4096);
    if (entries.length === 0) break;
    again.push(...entries.map(({ name }) => text(name)));
    cookie = entries.at(-1)!.cookie;
  }
  assert.deepEqual(again.sort(), middle!.rest.sort());
  fails('EINVAL', () => client.readdir(ROOT, handle, 0, 20));
  client.call(requests.releasedir(ROOT, handle));
  fails('EBADF', () => client.readdir(ROOT, handle, 0, 4096));
});

test('holes, room and copies', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  client.write(node, handle, MIB, Buffer.alloc(4096, 1));
  assert.equal(client.lseek(node, handle, 0, 3), MIB);
  assert.equal(client.lseek(node, handle, MIB, 4), MIB + 4096);
  fails('ENXIO', () => client.lseek(node, handle, 2 * MIB, 3));
  fails('EINVAL', () => client.lseek(node, handle, 0, 0));
  client.call(requests.fallocate(node, handle, 0, 0, 3 * MIB));
  assert.equal(fs.statSync(world.at('file')).size, 3 * MIB);
  client.call(requests.fallocate(node, handle, 3, MIB, 4096));
  assert.equal(
    client.read(node, handle, MIB, 4096).every((byte) => byte === 0),
    true,
  );
  fails('EOPNOTSUPP', () => client.call(requests.fallocate(node, handle, 0x80, 0, 4096)));
  const other = client.create(ROOT, 'copy', O_RDWR, 0o644);
  client.write(node, handle, 0, Buffer.from('0123456789'));
  const to = { outNode: other.entry.node, outHandle: other.handle, outOffset: 1 };
  const copied = client.call(requests.copyFileRange(node, { handle, offset: 2, ...to, length: 5 }));
  assert.equal(copied[0], 5);
  assert.equal(fs.readFileSync(world.at('copy'), 'latin1'), '\x0023456');
});

test('FSYNC, FSYNCDIR, SYNCFS and STATFS reach the host', () => {
  using world = new World();
  const { client } = world;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const directory = client.opendir(ROOT);
  client.call(requests.fsync(entry.node, handle));
  client.call(requests.fsyncdir(ROOT, directory));
  client.call(requests.syncfs(ROOT));
  fails('EBADF', () => client.call(requests.fsync(entry.node, 999)));
  const { blocks, blockSize, nameLength } = client.statfs();
  const host = fs.statfsSync(world.folder);
  assert.deepEqual([blocks, blockSize, nameLength], [host.blocks, host.bsize, 255]);
});

test('where nothing may be changed, nothing is', () => {
  using folder = new Folder();
  using world = new World({ readOnly: true, directory: folder.path });
  const { client } = world;
  folder.write('file', 'contents');
  folder.mkdir('sub');
  const { node } = client.lookup(ROOT, 'file');
  const handle = client.open(node, 0);
  assert.equal(text(client.read(node, handle, 0, 20)), 'contents');
  const attempts = [
    () => client.open(node, 1),
    () => client.open(node, O_TRUNC),
    () => client.create(ROOT, 'file', 0, 0o644),
    () => client.tmpfile(ROOT, O_RDWR, 0o644),
    () => client.write(node, handle, 0, Buffer.from('x')),
    () => client.setattr(node, { valid: SetattrValid.mode, mode: 0 }),
    () => client.mkdir(ROOT, 'new', 0o755),
    () => client.mknod(ROOT, 'new', 0o100644),
    () => client.symlink(ROOT, 'new', 'x'),
    () => client.link(node, ROOT, 'new'),
    () => client.call(requests.unlink(ROOT, 'file')),
    () => client.call(requests.rmdir(ROOT, 'sub')),
    () => client.call(requests.rename(ROOT, 'file', ROOT, 'new')),
    () => client.call(requests.rename2(ROOT, 'file', ROOT, 'new', 1)),
    () => client.call(requests.setxattr(node, 'user.x', Buffer.from('x'))),
    () => client.call(requests.removexattr(node, 'user.x')),
    () => client.call(requests.fallocate(node, handle, 0, 0, 1)),
  ];
  for (const attempt of attempts) fails('EROFS', attempt);
  assert.deepEqual(fs.readdirSync(folder.path).sort(), ['file', 'sub']);
  assert.equal(fs.readFileSync(folder.at('file'), 'utf8'), 'contents');
});

test('a file system that is mounted within begins another one for the guest, where its kernel wants to know', () => {
  using world = new World({ directory: '/dev' });
  const SUBMOUNT = 1;
  assert.equal(world.client.lookup(ROOT, 'shm').attributeFlags, 0);
  world.client.init(CLIENT_FLAGS | InitFlag.submounts);
  const shm = world.client.lookup(ROOT, 'shm');
  assert.equal(shm.attributeFlags, SUBMOUNT);
  assert.equal(shm.ino, fs.statSync('/dev/shm').ino);
});

describe('whatever was open or known', () => {
  test('is given back when the guest boots anew, and at the end', () => {
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    const before = descriptors();
    {
      using world = new World();
      const mounted = descriptors();
      for (let i = 0; i < 50; i++) world.client.create(ROOT, `file${i}`, O_RDWR, 0o644);
      for (const name of fs.readdirSync(world.folder)) world.client.lookup(ROOT, name);
      world.client.opendir(ROOT);
      assert.ok(descriptors() > mounted + 50);
      world.client.init();
      assert.equal(descriptors(), mounted);
      assert.equal(world.guest.device.share.inodes.size, 1);
      fails('ESTALE', () => world.client.getattr(2));
      world.client.lookup(ROOT, 'file1');
    }
    assert.equal(descriptors(), before);
  });

  test('a directory that is not there cannot be shared', () => {
    assert.throws(() => createDirectoryFsDevice({ directory: '/not/there' }), { code: 'ERR_FS_DIRECTORY' });
    assert.throws(() => createDirectoryFsDevice({ directory: '/proc/version' }), {
      code: 'ERR_FS_DIRECTORY',
    });
  });
});
