import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requests } from '../../src/fuse/index.ts';
import { fails, Guest, namesIn } from './fs-guest.ts';

const ROOT = 1;
const FILE = 0o100644;

function text(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}

function filled(count: number): Guest {
  const guest = Guest.mounted();
  for (let i = 0; i < count; i++) guest.client.mknod(ROOT, `file-${i}`, FILE);
  return guest;
}

for (const size of [40, 100, 4096, 65536, 2 ** 20])
  test(`every name comes once, whatever fits into ${size} bytes`, () => {
    using guest = filled(300);
    const expected = ['.', '..', ...Array.from({ length: 300 }, (_, i) => `file-${i}`)];
    assert.deepEqual(namesIn(guest, ROOT, size), expected);
  });

test('entries have number, type and a place to resume from', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const folder = client.mkdir(ROOT, 'folder', 0o755).node;
  const link = client.symlink(folder, 'link', 'x').node;
  const entries = client.readdir(folder, client.opendir(folder), 0, 4096);
  assert.deepEqual(
    entries.map(({ name, ino, type, cookie }) => [text(name), ino, type, cookie]),
    [
      ['.', folder, 4, 1],
      ['..', ROOT, 4, 2],
      ['link', link, 10, 3],
    ],
  );
});

test('room for less than one name is refused; at the end nothing is asked for', () => {
  using guest = filled(1);
  const { client } = guest;
  const handle = client.opendir(ROOT);
  fails('EINVAL', () => client.readdir(ROOT, handle, 0, 31));
  fails('EINVAL', () => client.readdir(ROOT, handle, 2, 31));
  fails('EINVAL', () => client.readdirplus(ROOT, handle, 2, 150));
  assert.equal(client.readdir(ROOT, handle, 2, 32).length, 1);
  assert.equal(client.readdir(ROOT, handle, 3, 0).length, 0);
  assert.equal(client.readdir(ROOT, handle, Number.MAX_SAFE_INTEGER, 100).length, 0);
});

test('positions hold while names come and go', () => {
  using guest = filled(100);
  const { client } = guest;
  const handle = client.opendir(ROOT);
  const first = client.readdir(ROOT, handle, 0, 1000);
  const position = first.at(-1)!.cookie;
  for (let i = 0; i < 100; i += 2) client.call(requests.unlink(ROOT, `file-${i}`));
  for (let i = 0; i < 50; i++) client.mknod(ROOT, `late-${i}`, FILE);
  const seen = first.map(({ name }) => text(name));
  for (let cookie = position; ; ) {
    const entries = client.readdir(ROOT, handle, cookie, 500);
    if (entries.length === 0) break;
    seen.push(...entries.map(({ name }) => text(name)));
    cookie = entries.at(-1)!.cookie;
  }
  assert.equal(new Set(seen).size, seen.length);
  for (let i = 1; i < 100; i += 2) assert.ok(seen.includes(`file-${i}`), `file-${i} was passed over`);
  for (let i = 0; i < 50; i++) assert.ok(seen.includes(`late-${i}`), `late-${i} was passed over`);
  const again = client.readdir(ROOT, handle, first.at(-2)!.cookie, 1000);
  assert.ok(again.every(({ cookie }) => cookie > first.at(-2)!.cookie));
});

test('READDIRPLUS references what it names, but not `.` and `..`', () => {
  using guest = filled(3);
  const { client, device } = guest;
  const { inodes, root } = device.fileSystem;
  const lookups = (): readonly number[] => [...inodes.values()].map((inode) => inode.lookups);
  assert.deepEqual(lookups(), [0, 1, 1, 1]);
  const handle = client.opendir(ROOT);
  const entries = client.readdirplus(ROOT, handle, 0, 4096);
  assert.deepEqual(
    entries.map(({ name, entry }) => [text(name), entry?.node, entry?.mode]),
    [
      ['.', 0, root.mode],
      ['..', 0, root.mode],
      ['file-0', 2, FILE],
      ['file-1', 3, FILE],
      ['file-2', 4, FILE],
    ],
  );
  assert.deepEqual(lookups(), [0, 2, 2, 2]);
  const part = client.readdirplus(ROOT, handle, 2, 2 * 160);
  assert.equal(part.length, 2);
  assert.deepEqual(lookups(), [0, 3, 3, 2]);
  client.readdir(ROOT, handle, 0, 4096);
  assert.deepEqual(lookups(), [0, 3, 3, 2]);
});

test('the longest names are listed', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const names = ['a', 'bb', 'x'.repeat(255), 'y'.repeat(248), 'z'.repeat(8)];
  for (const name of names) client.mknod(ROOT, name, FILE);
  assert.deepEqual(namesIn(guest, ROOT, 280), ['.', '..', ...names]);
});

test('a handle remembers where the last READDIR ended', () => {
  using guest = filled(10);
  const { client, device } = guest;
  const handle = client.opendir(ROOT);
  const entries = client.readdir(ROOT, handle, 0, 150);
  assert.equal(device.fileSystem.directories.get(handle)?.position, entries.at(-1)?.cookie);
});

test('directory handles are of directories alone, and end', () => {
  using guest = filled(1);
  const { client } = guest;
  const file = client.lookup(ROOT, 'file-0').node;
  const opened = client.open(file, 0);
  const handle = client.opendir(ROOT);
  fails('ENOTDIR', () => client.opendir(file));
  fails('ESTALE', () => client.opendir(99));
  fails('EBADF', () => client.readdir(file, opened, 0, 4096));
  fails('EBADF', () => client.read(ROOT, handle, 0, 10));
  fails('EBADF', () => client.readdir(file, handle, 0, 4096));
  fails('EBADF', () => client.call(requests.release(ROOT, handle)));
  client.call(requests.fsyncdir(ROOT, handle));
  client.call(requests.releasedir(ROOT, handle));
  fails('EBADF', () => client.readdir(ROOT, handle, 0, 4096));
  fails('EBADF', () => client.call(requests.releasedir(ROOT, handle)));
});

test('a removed directory that is open lists nothing else, and goes when it is closed', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const outer = client.mkdir(ROOT, 'outer', 0o755).node;
  const inner = client.mkdir(outer, 'inner', 0o755).node;
  const handle = client.opendir(inner);
  client.call(requests.rmdir(outer, 'inner'));
  client.call(requests.rmdir(ROOT, 'outer'));
  client.forget(outer, 1);
  client.forget(inner, 1);
  assert.deepEqual(
    client.readdir(inner, handle, 0, 4096).map(({ name }) => text(name)),
    ['.', '..'],
  );
  fails('ESTALE', () => client.lookup(inner, '..'));
  client.call(requests.releasedir(inner, handle));
  assert.deepEqual([...device.fileSystem.inodes.keys()], [ROOT]);
});
