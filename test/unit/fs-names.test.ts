import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requests } from '../../src/fuse/index.ts';
import { fails, Guest } from './fs-guest.ts';

const ROOT = 1;
const FILE = 0o100644;

test('LOOKUP finds files, says for how long, and counts a reference each time', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const { node } = client.mknod(ROOT, 'name', FILE);
  assert.equal(device.fileSystem.inodes.get(node)?.lookups, 1);
  const entry = client.lookup(ROOT, 'name');
  assert.deepEqual([entry.node, entry.ino, entry.mode, entry.nlink], [node, node, FILE, 1]);
  assert.deepEqual([entry.entryValid, entry.attributesValid], [86400, 86400]);
  assert.equal(device.fileSystem.inodes.get(node)?.lookups, 2);
});

test('a name that is not there is answered so that the guest can remember it', () => {
  using guest = Guest.mounted();
  const body = guest.client.call(requests.lookup(ROOT, 'nothing'));
  assert.equal(body.length, 128);
  assert.equal(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true), 0n);
  assert.equal(new DataView(body.buffer, body.byteOffset).getBigUint64(16, true), 86400n);
  assert.equal(guest.client.find(ROOT, 'nothing'), undefined);
});

test('names are bytes, whatever they mean', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const bytes = Uint8Array.of(0xff, 0xfe, 0x01, 0x20, 0x80);
  const { node } = client.mknod(ROOT, bytes, FILE);
  assert.equal(client.lookup(ROOT, bytes).node, node);
  assert.equal(client.find(ROOT, bytes.subarray(1)), undefined);
  const handle = client.opendir(ROOT);
  const found = client.readdir(ROOT, handle, 2, 4096);
  assert.deepEqual(found[0]?.name, bytes);
  assert.equal(client.mknod(ROOT, 'ä', FILE).nlink, 1);
  assert.equal(client.find(ROOT, Uint8Array.of(0xe4)), undefined);
});

test('names have at most 255 bytes', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const longest = 'x'.repeat(255);
  const { node } = client.mkdir(ROOT, longest, 0o755);
  assert.equal(client.lookup(ROOT, longest).node, node);
  for (const make of [
    () => client.lookup(ROOT, `${longest}x`),
    () => client.mkdir(ROOT, `${longest}x`, 0o755),
    () => client.call(requests.rename(ROOT, longest, ROOT, `${longest}x`)),
  ])
    fails('ENAMETOOLONG', make);
});

test('names that no directory can have are refused', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  client.mkdir(ROOT, 'd', 0o755);
  for (const name of ['', '.', '..', 'a/b', '/']) {
    fails('EINVAL', () => client.mknod(ROOT, name, FILE));
    fails('EINVAL', () => client.mkdir(ROOT, name, 0o755));
    fails('EINVAL', () => client.symlink(ROOT, name, 'x'));
    fails('EINVAL', () => client.create(ROOT, name, 2, 0o644));
    fails('EINVAL', () => client.call(requests.unlink(ROOT, name)));
    fails('EINVAL', () => client.call(requests.rmdir(ROOT, name)));
    fails('EINVAL', () => client.call(requests.rename(ROOT, 'd', ROOT, name)));
    fails('EINVAL', () => client.call(requests.rename(ROOT, name, ROOT, 'd')));
  }
  for (const name of ['', 'a/b', '/']) fails('EINVAL', () => client.lookup(ROOT, name));
});

test('`.` and `..` can be looked up, for file handles that NFS servers keep', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const outer = client.mkdir(ROOT, 'outer', 0o755).node;
  const inner = client.mkdir(outer, 'inner', 0o755).node;
  const file = client.mknod(inner, 'file', FILE).node;
  assert.equal(client.lookup(inner, '.').node, inner);
  assert.equal(client.lookup(file, '.').node, file);
  assert.equal(client.lookup(inner, '..').node, outer);
  assert.equal(client.lookup(ROOT, '..').node, ROOT);
  fails('ENOTDIR', () => client.lookup(file, '..'));
  fails('ENOTDIR', () => client.lookup(file, 'x'));
});

test('a file is found by its number after the guest has forgotten it', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const entry = client.mknod(ROOT, 'file', FILE);
  client.forget(entry.node, 1);
  const again = client.lookup(entry.node, '.');
  assert.deepEqual([again.node, again.generation], [entry.node, entry.generation]);
});

test('a deleted file lives until its last reference is given back, by FORGET or BATCH_FORGET', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const { inodes } = device.fileSystem;
  const one = client.mknod(ROOT, 'one', FILE).node;
  client.lookup(ROOT, 'one');
  client.lookup(ROOT, 'one');
  const two = client.mknod(ROOT, 'two', FILE).node;
  client.call(requests.unlink(ROOT, 'one'));
  client.call(requests.unlink(ROOT, 'two'));
  assert.equal(client.getattr(one).nlink, 0);
  client.forget(one, 2);
  assert.equal(inodes.get(one)?.lookups, 1);
  client.call(
    requests.batchForget([
      { node: one, lookups: 1 },
      { node: 999, lookups: 1 },
      { node: two, lookups: 1 },
    ]),
  );
  assert.deepEqual([...inodes.keys()], [ROOT]);
  fails('ESTALE', () => client.getattr(one));
});

test('a number is never given to another file', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const seen = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const { node } = client.mknod(ROOT, 'same', FILE);
    assert.ok(!seen.has(node));
    seen.add(node);
    client.call(requests.unlink(ROOT, 'same'));
    client.forget(node, 1);
  }
  assert.equal(guest.device.fileSystem.inodes.size, 1);
});

test('a file with a name stays when more references are given back than there were', () => {
  using guest = Guest.mounted();
  const { client, device } = guest;
  const { node } = client.mknod(ROOT, 'file', FILE);
  client.forget(node, 1000);
  assert.equal(device.fileSystem.inodes.get(node)?.lookups, 0);
  assert.equal(client.lookup(ROOT, 'file').node, node);
  client.forget(ROOT, 5);
  assert.equal(client.getattr(ROOT).nlink, 2);
});

test('many names in one directory are told apart', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const nodes = new Map<string, number>();
  for (let i = 0; i < 5000; i++) nodes.set(`n${i}`, client.mknod(ROOT, `n${i}`, FILE).node);
  for (let i = 0; i < 5000; i += 2) {
    client.call(requests.unlink(ROOT, `n${i}`));
    nodes.delete(`n${i}`);
  }
  for (let i = 0; i < 5000; i++) assert.equal(client.find(ROOT, `n${i}`)?.node, nodes.get(`n${i}`));
});
