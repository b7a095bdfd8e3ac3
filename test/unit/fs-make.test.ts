import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeName, MknodIn, Opcode, requests } from '../../src/fuse/index.ts';
import { fails, Guest, namesIn } from './fs-guest.ts';

const ROOT = 1;
const FILE = 0o100644;
const O_RDWR = 2;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;

test('MKNOD makes files, pipes, sockets and devices, and nothing else', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  for (const [name, mode, rdev] of [
    ['file', 0o100640, 0],
    ['fifo', 0o010600, 0],
    ['socket', 0o140755, 0],
    ['tty', 0o020620, 0x0501],
    ['disk', 0o060660, 0x0800],
  ] as const) {
    const entry = client.mknod(ROOT, name, mode, rdev);
    assert.deepEqual([entry.mode, entry.rdev, entry.nlink, entry.size], [mode, rdev, 1, 0]);
    assert.equal(client.lookup(ROOT, name).rdev, rdev);
  }
  assert.equal(client.mknod(ROOT, 'plain', 0o644).mode, FILE);
  fails('EINVAL', () => client.mknod(ROOT, 'dir', 0o040755));
  fails('EINVAL', () => client.mknod(ROOT, 'link', 0o120777));
  fails('EEXIST', () => client.mknod(ROOT, 'file', FILE));
  assert.equal(client.mknod(ROOT, 'no-device', 0o010600, 5).rdev, 0);
});

test('the mask of the process is taken off the mode', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  assert.equal(client.mknod(ROOT, 'a', 0o100777, 0, 0o027).mode, 0o100750);
  assert.equal(client.mkdir(ROOT, 'b', 0o777, 0o077).mode, 0o040700);
  assert.equal(client.create(ROOT, 'c', O_RDWR, 0o100666, 0o022).entry.mode, FILE);
});

test('a file belongs to who makes it; in a setgid directory to its group', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const shared = client.mkdir(ROOT, 'shared', 0o2775).node;
  client.setattr(shared, { valid: 4, gid: 50 });
  const file = client.mknod(shared, 'file', FILE);
  const folder = client.mkdir(shared, 'folder', 0o755);
  assert.deepEqual([file.uid, file.gid, file.mode], [0, 50, FILE]);
  assert.deepEqual([folder.gid, folder.mode], [50, 0o042755]);
  assert.deepEqual([client.symlink(shared, 'link', 'x').gid], [50]);
  assert.equal(client.mknod(ROOT, 'else', FILE).gid, 0);
  assert.equal(device.fileSystem.root.nlink, 3);
});

test('directories count themselves and the directories in them', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const outer = client.mkdir(ROOT, 'outer', 0o755);
  assert.equal(outer.nlink, 2);
  client.mkdir(outer.node, 'a', 0o755);
  client.mkdir(outer.node, 'b', 0o755);
  client.mknod(outer.node, 'file', FILE);
  assert.equal(client.getattr(outer.node).nlink, 4);
  client.call(requests.rmdir(outer.node, 'a'));
  assert.equal(client.getattr(outer.node).nlink, 3);
  assert.equal(client.getattr(ROOT).nlink, 3);
});

test('SYMLINK keeps any bytes as a target, up to 4095 of them', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const target = Uint8Array.from({ length: 4095 }, (_, i) => (i % 255) + 1);
  const entry = client.symlink(ROOT, 'link', target);
  assert.deepEqual([entry.mode, entry.size], [0o120777, 4095]);
  assert.deepEqual(client.readlink(entry.node), target);
  assert.equal(
    Buffer.from(client.readlink(client.symlink(ROOT, 'up', '../x/./y').node)).toString(),
    '../x/./y',
  );
  fails('ENAMETOOLONG', () => client.symlink(ROOT, 'long', 'y'.repeat(4096)));
  fails('ENOENT', () => client.symlink(ROOT, 'empty', ''));
  fails('EEXIST', () => client.symlink(ROOT, 'link', 'x'));
  fails('EINVAL', () => client.readlink(client.mknod(ROOT, 'file', FILE).node));
});

test('LINK gives a file a further name, but no directory', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { entry: made, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = made;
  const folder = client.mkdir(ROOT, 'folder', 0o755).node;
  client.write(node, handle, 0, Buffer.from('shared'));
  const entry = client.link(node, folder, 'other');
  assert.deepEqual([entry.node, entry.nlink, entry.size], [node, 2, 6]);
  client.call(requests.unlink(ROOT, 'file'));
  assert.equal(client.lookup(folder, 'other').nlink, 1);
  fails('EPERM', () => client.link(folder, ROOT, 'loop'));
  fails('EEXIST', () => client.link(node, folder, 'other'));
  fails('ESTALE', () => client.link(999, folder, 'x'));
  fails('ENOTDIR', () => client.link(node, node, 'x'));
});

test('CREATE makes and opens; what is there already is opened unless O_EXCL is given', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const made = client.create(ROOT, 'file', O_RDWR | O_EXCL, 0o600);
  client.write(made.entry.node, made.handle, 0, Buffer.from('data'));
  fails('EEXIST', () => client.create(ROOT, 'file', O_RDWR | O_EXCL, 0o600));
  const again = client.create(ROOT, 'file', O_RDWR, 0o777);
  assert.equal(again.entry.node, made.entry.node);
  assert.notEqual(again.handle, made.handle);
  assert.deepEqual([again.entry.mode, again.entry.size], [0o100600, 4]);
  assert.equal(client.create(ROOT, 'file', O_RDWR | O_TRUNC, 0).entry.size, 0);
  client.mkdir(ROOT, 'dir', 0o755);
  fails('EISDIR', () => client.create(ROOT, 'dir', O_RDWR, 0o644));
  client.symlink(ROOT, 'link', 'x');
  fails('ELOOP', () => client.create(ROOT, 'link', O_RDWR, 0o644));
  fails('ENOTDIR', () => client.create(made.entry.node, 'x', O_RDWR, 0o644));
});

test('TMPFILE has no name until it is linked, and goes when it is closed without one', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const gone = client.tmpfile(ROOT, O_RDWR, 0o600);
  assert.equal(gone.entry.nlink, 0);
  client.write(gone.entry.node, gone.handle, 0, new Uint8Array(8192));
  const kept = client.tmpfile(ROOT, O_RDWR, 0o600);
  assert.equal(client.link(kept.entry.node, ROOT, 'kept').nlink, 1);
  for (const { entry, handle } of [gone, kept]) client.call(requests.release(entry.node, handle));
  client.forget(gone.entry.node, 1);
  client.forget(kept.entry.node, 2);
  assert.deepEqual([...device.fileSystem.inodes.keys()], [ROOT, kept.entry.node]);
  assert.deepEqual(namesIn(guest, ROOT), ['.', '..', 'kept']);
  assert.equal(client.statfs().blocksFree, client.statfs().blocks);
});

test('nothing can be made in a directory that was removed', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { node } = client.mkdir(ROOT, 'dir', 0o755);
  const file = client.mknod(ROOT, 'file', FILE).node;
  client.call(requests.rmdir(ROOT, 'dir'));
  fails('ENOENT', () => client.mknod(node, 'x', FILE));
  fails('ENOENT', () => client.mkdir(node, 'x', 0o755));
  fails('ENOENT', () => client.symlink(node, 'x', 'y'));
  fails('ENOENT', () => client.link(file, node, 'x'));
  fails('ENOENT', () => client.tmpfile(node, O_RDWR, 0o600));
  fails('ENOENT', () => client.call(requests.rename(ROOT, 'file', node, 'x')));
  assert.deepEqual(namesIn(guest, node), ['.', '..']);
});

test('UNLINK and RMDIR take what each is for', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { node } = client.mkdir(ROOT, 'dir', 0o755);
  client.mknod(node, 'file', FILE);
  fails('EISDIR', () => client.call(requests.unlink(ROOT, 'dir')));
  fails('ENOTEMPTY', () => client.call(requests.rmdir(ROOT, 'dir')));
  fails('ENOTDIR', () => client.call(requests.rmdir(node, 'file')));
  fails('ENOENT', () => client.call(requests.unlink(node, 'other')));
  fails('ENOENT', () => client.call(requests.rmdir(node, 'other')));
  client.call(requests.unlink(node, 'file'));
  client.call(requests.rmdir(ROOT, 'dir'));
  fails('ESTALE', () => client.call(requests.unlink(999, 'x')));
  assert.deepEqual(namesIn(guest, ROOT), ['.', '..']);
});

test('the number of files is limited, further hard links count, and room comes back', () => {
  using guest = Guest.mounted({ memory: 65536 });
  const { client } = guest;
  const { filesFree } = client.statfs();
  const first = client.mknod(ROOT, 'first', FILE).node;
  client.link(first, ROOT, 'second');
  assert.equal(client.statfs().filesFree, filesFree - 2);
  for (let i = 2; i < filesFree; i++) client.mknod(ROOT, `f${i}`, FILE);
  assert.equal(client.statfs().filesFree, 0);
  for (const make of [
    () => client.mknod(ROOT, 'more', FILE),
    () => client.mkdir(ROOT, 'more', 0o755),
    () => client.symlink(ROOT, 'more', 'x'),
    () => client.create(ROOT, 'more', O_RDWR, 0o644),
    () => client.tmpfile(ROOT, O_RDWR, 0o644),
    () => client.link(first, ROOT, 'more'),
    () => client.call(requests.rename2(ROOT, 'first', ROOT, 'moved', 4)),
  ])
    fails('ENOSPC', make);
  client.call(requests.unlink(ROOT, 'second'));
  assert.equal(client.mknod(ROOT, 'more', FILE).nlink, 1);
});

/** The extension of a request that makes a file: security contexts as the guest's kernel adds them. */
function contexts(...items: readonly [name: string, value: string][]): Uint8Array {
  const parts = items.map(([name, value]) => {
    const body = Buffer.concat([encodeName(name), Buffer.from(value)]);
    const part = Buffer.alloc(Math.ceil((8 + body.length) / 8) * 8);
    part.writeUInt32LE(value.length);
    body.copy(part, 8);
    return part;
  });
  const header = Buffer.alloc(8);
  header.writeUInt32LE(8 + parts.reduce((sum, part) => sum + part.length, 0));
  header.writeUInt32LE(items.length, 4);
  return Buffer.concat([header, ...parts]);
}

function mknodWith(extension: Uint8Array, name = 'labelled') {
  return {
    opcode: Opcode.mknod,
    node: ROOT,
    room: 128,
    arguments: [MknodIn.encode({ mode: FILE, rdev: 0, umask: 0 }), encodeName(name), extension],
  };
}

test('a file is born with the security contexts that the request carries', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  client.call(mknodWith(contexts(['security.selinux', 'system_u:object_r:tmp_t'], ['security.b', 'x'])));
  const { node } = client.lookup(ROOT, 'labelled');
  assert.deepEqual(client.listxattr(node), ['security.selinux', 'security.b']);
  assert.equal(Buffer.from(client.getxattr(node, 'security.selinux')).toString(), 'system_u:object_r:tmp_t');
  client.call(mknodWith(contexts(), 'plain'));
  assert.deepEqual(client.listxattr(client.lookup(ROOT, 'plain').node), []);
});

test('extensions that are no security contexts are passed over', () => {
  using guest = Guest.mounted();
  const groups = Buffer.alloc(16);
  groups.writeUInt32LE(16);
  groups.writeUInt32LE(32, 4);
  guest.client.call(mknodWith(Buffer.concat([groups, contexts(['security.a', '1'])])));
  assert.deepEqual(guest.client.listxattr(guest.client.lookup(ROOT, 'labelled').node), ['security.a']);
});

test('malformed security contexts are refused, and no file is made', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const good = contexts(['security.a', 'value']);
  const longer = Buffer.from(good);
  longer.writeUInt32LE(good.length + 8);
  const huge = Buffer.from(good);
  huge.writeUInt32LE(0xffffffff, 8);
  const many = Buffer.from(good);
  many.writeUInt32LE(31, 4);
  const open = Buffer.from(good);
  open.fill(0x61, 16);
  const tiny = Buffer.from(good);
  tiny.writeUInt32LE(4);
  for (const bad of [
    longer,
    huge,
    many,
    open,
    tiny,
    good.subarray(0, 5),
    contexts(['user.a', '1']),
    contexts(['', '1']),
  ])
    fails('EINVAL', () => client.call(mknodWith(bad)));
  assert.deepEqual(namesIn(guest, ROOT), ['.', '..']);
  assert.equal(guest.device.fileSystem.inodes.size, 1);
});
