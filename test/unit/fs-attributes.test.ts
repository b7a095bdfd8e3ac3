import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { requests, SetattrValid, StatxOut } from '../../src/fuse/index.ts';
import { fails, Guest } from './fs-guest.ts';

const ROOT = 1;
const FILE = 0o100644;
const O_RDONLY = 0;
const O_RDWR = 2;
const O_NOATIME = 0o1000000;
const O_TRUNC = 0o1000;
const FROM_CACHE = 1;
const KILL = 4;
const MIDNIGHT = 1_700_000_000;

/** A guest whose device's clock stands at `MIDNIGHT` until `later` is called. */
function clocked(t: TestContext) {
  t.mock.timers.enable({ apis: ['Date'], now: MIDNIGHT * 1000 });
  const guest = Guest.mounted();
  const later = (seconds: number): void => t.mock.timers.setTime((MIDNIGHT + seconds) * 1000);
  const times = (node: number): readonly number[] => {
    const { atime, mtime, ctime } = guest.client.getattr(node);
    return [atime - MIDNIGHT, mtime - MIDNIGHT, ctime - MIDNIGHT];
  };
  return { guest, client: guest.client, later, times, [Symbol.dispose]: () => guest[Symbol.dispose]() };
}

test('a new file and its directory are stamped when it is made', (t) => {
  using f = clocked(t);
  f.later(5.25);
  const entry = f.client.mknod(ROOT, 'file', FILE);
  assert.deepEqual(
    [entry.atime, entry.atimeNanos, entry.mtimeNanos, entry.ctimeNanos],
    [MIDNIGHT + 5, 250_000_000, 250_000_000, 250_000_000],
  );
  assert.deepEqual(f.times(ROOT), [0, 5, 5]);
});

test('each operation stamps what Linux stamps', (t) => {
  using f = clocked(t);
  const { client } = f;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  const folder = client.mkdir(ROOT, 'folder', 0o755).node;
  f.later(1);
  client.write(node, handle, 0, new Uint8Array(10));
  assert.deepEqual(f.times(node), [0, 1, 1]);
  f.later(2);
  client.read(node, handle, 0, 10);
  assert.deepEqual(f.times(node), [2, 1, 1]);
  f.later(3);
  client.setattr(node, { valid: SetattrValid.mode, mode: 0o600 });
  assert.deepEqual(f.times(node), [2, 1, 3]);
  f.later(4);
  client.link(node, folder, 'link');
  assert.deepEqual(
    [f.times(node), f.times(folder), f.times(ROOT)],
    [
      [2, 1, 4],
      [0, 4, 4],
      [0, 0, 0],
    ],
  );
  f.later(5);
  client.call(requests.setxattr(node, 'user.x', new Uint8Array(1)));
  assert.deepEqual(f.times(node), [2, 1, 5]);
  f.later(6);
  client.call(requests.rename(ROOT, 'file', folder, 'moved'));
  assert.deepEqual(
    [f.times(node), f.times(folder), f.times(ROOT)],
    [
      [2, 1, 6],
      [0, 6, 6],
      [0, 6, 6],
    ],
  );
  f.later(7);
  client.call(requests.unlink(folder, 'link'));
  assert.deepEqual(
    [f.times(node), f.times(folder)],
    [
      [2, 1, 7],
      [0, 7, 7],
    ],
  );
  f.later(8);
  client.call(requests.fallocate(node, handle, 0, 0, 100));
  assert.deepEqual(f.times(node), [2, 8, 8]);
  f.later(9);
  client.call(requests.removexattr(node, 'user.x'));
  assert.deepEqual(f.times(node), [2, 8, 9]);
});

test('reading is recorded when the file changed since, and once a day', (t) => {
  using f = clocked(t);
  const { client } = f;
  const { node } = client.create(ROOT, 'file', O_RDWR, 0o644).entry;
  const handle = client.open(node, O_RDONLY);
  f.later(10);
  client.read(node, handle, 0, 1);
  assert.deepEqual(f.times(node), [10, 0, 0]);
  f.later(20);
  client.read(node, handle, 0, 1);
  assert.deepEqual(f.times(node), [10, 0, 0]);
  f.later(10 + 86400);
  client.read(node, client.open(node, O_RDONLY | O_NOATIME), 0, 1);
  assert.deepEqual(f.times(node), [10, 0, 0]);
  client.read(node, handle, 0, 1);
  assert.deepEqual(f.times(node), [86410, 0, 0]);
});

test('reading a directory or a link is recorded too', (t) => {
  using f = clocked(t);
  const { client } = f;
  const link = client.symlink(ROOT, 'link', 'x').node;
  const handle = client.opendir(ROOT);
  f.later(3);
  client.readlink(link);
  client.readdir(ROOT, handle, 0, 4096);
  assert.deepEqual([f.times(link)[0], f.times(ROOT)[0]], [3, 3]);
});

test('SETATTR sets times to a value or to now', (t) => {
  using f = clocked(t);
  const { client } = f;
  const { node } = client.mknod(ROOT, 'file', FILE);
  f.later(7);
  const { atime, mtime, atimeNow, mtimeNow } = SetattrValid;
  const past = client.setattr(node, {
    valid: atime | mtime,
    atime: -5,
    atimeNanos: 999_999_999,
    mtime: 2 ** 34,
  });
  assert.deepEqual(
    [past.atime, past.atimeNanos, past.mtime, past.ctime],
    [-5, 999_999_999, 2 ** 34, MIDNIGHT + 7],
  );
  const now = client.setattr(node, { valid: atime | atimeNow | mtime | mtimeNow, atime: 1, mtime: 1 });
  assert.deepEqual([now.atime, now.mtime], [MIDNIGHT + 7, MIDNIGHT + 7]);
  fails('EINVAL', () => client.setattr(node, { valid: mtime, mtimeNanos: 1_000_000_000 }));
});

test('times beyond 2^53 seconds are taken for that', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const request = requests.setattr(ROOT, { valid: SetattrValid.mtime });
  for (const [given, kept] of [
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-(2n ** 63n), Number.MIN_SAFE_INTEGER],
  ] as const) {
    const body = request.arguments[0]!.slice();
    new DataView(body.buffer).setBigInt64(40, given, true);
    client.call({ ...request, arguments: [body] });
    assert.equal(device.fileSystem.root.mtime, kept);
  }
});

test('truncate(2) to the same size is no change, ftruncate(2) always is one', (t) => {
  using f = clocked(t);
  const { client } = f;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  f.later(1);
  client.setattr(entry.node, { valid: SetattrValid.size, size: 0 });
  assert.deepEqual(f.times(entry.node), [0, 0, 0]);
  client.setattr(entry.node, { valid: SetattrValid.size | SetattrValid.handle, size: 0, handle });
  assert.deepEqual(f.times(entry.node), [0, 1, 1]);
});

test('SETATTR changes mode and owner, all bits of the mode but the type', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { node } = client.mkdir(ROOT, 'dir', 0o755);
  const { mode, uid, gid } = SetattrValid;
  const changed = client.setattr(node, { valid: mode | uid | gid, mode: 0o100000 | 0o3711, uid: 7, gid: 8 });
  assert.deepEqual([changed.mode, changed.uid, changed.gid], [0o043711, 7, 8]);
  assert.equal(client.setattr(node, { valid: 0 }).uid, 7);
});

test('chown takes setuid and, with group execute, setgid away, and file capabilities', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const own = (name: string, mode: number): number => {
    const { node } = client.mknod(ROOT, name, 0o100000 | mode);
    client.call(requests.setxattr(node, 'security.capability', new Uint8Array(20)));
    client.call(requests.setxattr(node, 'user.kept', new Uint8Array(2)));
    return client.setattr(node, { valid: SetattrValid.uid, uid: 1 }).mode & 0o7777;
  };
  assert.equal(own('a', 0o6755), 0o755);
  assert.equal(own('b', 0o6745), 0o2745);
  assert.deepEqual(client.listxattr(client.lookup(ROOT, 'a').node), ['user.kept']);
  const { node } = client.mkdir(ROOT, 'dir', 0o6755);
  assert.equal(client.setattr(node, { valid: SetattrValid.gid, gid: 1 }).mode, 0o046755);
});

test('writing takes setuid away when the request says so, and file capabilities always', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const { node } = entry;
  const arm = (): void => {
    client.setattr(node, { valid: SetattrValid.mode, mode: 0o6777 });
    client.call(requests.setxattr(node, 'security.capability', new Uint8Array(20)));
  };
  const state = (): unknown => [client.getattr(node).mode & 0o7000, client.listxattr(node).length];
  arm();
  client.write(node, handle, 0, new Uint8Array(1));
  assert.deepEqual(state(), [0o6000, 0]);
  client.write(node, handle, 0, new Uint8Array(1), KILL);
  assert.deepEqual(state(), [0, 0]);
  arm();
  client.setattr(node, { valid: SetattrValid.size, size: 3 });
  assert.deepEqual(state(), [0o6000, 0]);
  client.setattr(node, { valid: SetattrValid.size | SetattrValid.killPrivileges, size: 3 });
  assert.deepEqual(state(), [0, 0]);
  arm();
  client.open(node, O_RDWR | O_TRUNC);
  assert.deepEqual(state(), [0o6000, 0]);
  client.open(node, O_RDWR | O_TRUNC, 1);
  assert.deepEqual(state(), [0, 0]);
  for (const change of [
    () => client.call(requests.fallocate(node, handle, 0, 0, 1)),
    () => copyOver(guest, node, handle),
  ]) {
    arm();
    change();
    assert.deepEqual(state(), [0, 0]);
  }
});

test('file capabilities stay when pages of a mapping are written back, and on directories', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  const folder = client.mkdir(ROOT, 'dir', 0o755).node;
  for (const node of [entry.node, folder])
    client.call(requests.setxattr(node, 'security.capability', new Uint8Array(20)));
  client.write(entry.node, handle, 0, new Uint8Array(1), FROM_CACHE);
  client.setattr(folder, { valid: SetattrValid.uid, uid: 1 });
  for (const node of [entry.node, folder]) assert.deepEqual(client.listxattr(node), ['security.capability']);
});

function copyOver({ client }: Guest, node: number, handle: number): void {
  const source = client.create(ROOT, 'source', O_RDWR, 0o644);
  client.write(source.entry.node, source.handle, 0, new Uint8Array(5));
  client.call(
    requests.copyFileRange(source.entry.node, {
      handle: source.handle,
      offset: 0,
      outNode: node,
      outHandle: handle,
      outOffset: 0,
      length: 5,
    }),
  );
}

test('attributes of setuid and setgid files are not to be kept by the guest', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { node } = client.mknod(ROOT, 'su', 0o104755);
  assert.equal(client.lookup(ROOT, 'su').attributesValid, 0);
  assert.equal(client.getattr(node).attributesValid, 0);
  assert.equal(client.mknod(ROOT, 'sg', 0o102755).attributesValid, 0);
  assert.equal(client.mkdir(ROOT, 'dir', 0o2755).attributesValid, 86400);
  assert.equal(client.setattr(node, { valid: SetattrValid.mode, mode: 0o755 }).attributesValid, 86400);
});

test('SETATTR of the size wants a regular file, and a handle that can write', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { node } = client.mknod(ROOT, 'file', FILE);
  const { size, handle } = SetattrValid;
  const reading = client.open(node, O_RDONLY);
  fails('EISDIR', () => client.setattr(ROOT, { valid: size, size: 1 }));
  fails('EINVAL', () => client.setattr(client.symlink(ROOT, 'l', 'x').node, { valid: size, size: 1 }));
  fails('EBADF', () => client.setattr(node, { valid: size | handle, size: 1, handle: reading }));
  fails('EBADF', () => client.setattr(node, { valid: size | handle, size: 1, handle: 99 }));
  fails('EFBIG', () => client.setattr(node, { valid: size, size: Number.MAX_SAFE_INTEGER }));
  fails('ESTALE', () => client.setattr(99, { valid: size, size: 1 }));
  assert.equal(client.setattr(node, { valid: size, size: 2 ** 40 }).size, 2 ** 40);
});

test('what cannot be done leaves the rest undone', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { mode, size, uid } = SetattrValid;
  fails('EISDIR', () => client.setattr(ROOT, { valid: mode | uid | size, mode: 0, uid: 5, size: 1 }));
  assert.deepEqual([client.getattr(ROOT).mode, client.getattr(ROOT).uid], [0o040755, 0]);
});

test('GETATTR by handle wants a handle of that file', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  assert.equal(client.getattr(entry.node, handle).ino, entry.node);
  assert.equal(client.getattr(ROOT, client.opendir(ROOT)).ino, ROOT);
  fails('EBADF', () => client.getattr(ROOT, handle));
  fails('EBADF', () => client.getattr(entry.node, 77));
  fails('ESTALE', () => client.getattr(77));
});

test('STATX has the time of birth and the parts of a device number', (t) => {
  using f = clocked(t);
  const { client } = f;
  const { node } = client.mknod(ROOT, 'disk', 0o060660, 0x123456ab);
  f.later(9);
  client.setattr(node, { valid: SetattrValid.mode, mode: 0o600 });
  const x = StatxOut.decode(client.call(requests.statx(node, 0xfff)));
  assert.deepEqual([x.mask, x.mode, x.ino, x.nlink], [0xfff, 0o060600, node, 1]);
  assert.deepEqual([x.btime, x.mtime, x.ctime], [MIDNIGHT, MIDNIGHT, MIDNIGHT + 9]);
  assert.deepEqual([x.rdevMajor, x.rdevMinor], [0x456, 0x123ab]);
});

test('STATFS counts pages and files', () => {
  using guest = Guest.mounted({ memory: 2 ** 20 });
  const { client } = guest;
  const before = client.statfs();
  assert.deepEqual(
    [before.blocks, before.blocksFree, before.blockSize, before.nameLength],
    [256, 256, 4096, 255],
  );
  const { entry, handle } = client.create(ROOT, 'file', O_RDWR, 0o644);
  client.write(entry.node, handle, 0, new Uint8Array(10_000));
  const after = client.statfs();
  assert.deepEqual(
    [after.blocksFree, after.blocksAvailable, before.filesFree - after.filesFree],
    [253, 253, 1],
  );
  assert.equal(client.getattr(entry.node).blocks, 24);
});
