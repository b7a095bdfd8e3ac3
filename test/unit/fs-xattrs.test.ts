import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_FLAGS, GetxattrOut, InitFlag, requests } from '../../src/fuse/index.ts';
import { fails, Guest } from './fs-guest.ts';

const ROOT = 1;
const CREATE = 1;
const REPLACE = 2;

test('attributes are set, read, listed and removed', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const value = Uint8Array.of(0, 1, 255);
  client.call(requests.setxattr(ROOT, 'user.one', value));
  client.call(requests.setxattr(ROOT, 'trusted.two', new Uint8Array(0)));
  client.call(requests.setxattr(ROOT, 'security.three', Buffer.from('x')));
  assert.deepEqual(client.getxattr(ROOT, 'user.one'), value);
  assert.deepEqual(client.getxattr(ROOT, 'trusted.two'), new Uint8Array(0));
  assert.deepEqual(client.listxattr(ROOT), ['user.one', 'trusted.two', 'security.three']);
  client.call(requests.removexattr(ROOT, 'trusted.two'));
  assert.deepEqual(client.listxattr(ROOT), ['user.one', 'security.three']);
  fails('ENODATA', () => client.getxattr(ROOT, 'trusted.two'));
  fails('ENODATA', () => client.call(requests.removexattr(ROOT, 'trusted.two')));
});

test('flags of setxattr(2) are heeded', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const set = (flags: number, value = 'v'): unknown =>
    client.call(requests.setxattr(ROOT, 'user.a', Buffer.from(value), flags));
  fails('ENODATA', () => set(REPLACE));
  set(CREATE);
  fails('EEXIST', () => set(CREATE));
  set(REPLACE, 'new');
  assert.equal(Buffer.from(client.getxattr(ROOT, 'user.a')).toString(), 'new');
  fails('EINVAL', () => set(4));
});

test('with no room given the answer is the size; with too little it is ERANGE', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  client.call(requests.setxattr(ROOT, 'user.a', new Uint8Array(100)));
  assert.equal(GetxattrOut.decode(client.call(requests.getxattr(ROOT, 'user.a', 0))).size, 100);
  assert.equal(GetxattrOut.decode(client.call(requests.listxattr(ROOT, 0))).size, 7);
  fails('ERANGE', () => client.call(requests.getxattr(ROOT, 'user.a', 99)));
  fails('ERANGE', () => client.call(requests.listxattr(ROOT, 6)));
  assert.equal(client.call(requests.getxattr(ROOT, 'user.a', 100)).length, 100);
  assert.equal(client.call(requests.listxattr(ROOT, 7)).length, 7);
});

test('access control lists and unknown namespaces are refused', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  for (const name of ['system.posix_acl_access', 'system.posix_acl_default', 'other.x', 'plain']) {
    fails('EOPNOTSUPP', () => client.getxattr(ROOT, name));
    fails('EOPNOTSUPP', () => client.call(requests.setxattr(ROOT, name, new Uint8Array(4))));
    fails('EOPNOTSUPP', () => client.call(requests.removexattr(ROOT, name)));
  }
  fails('EINVAL', () => client.call(requests.setxattr(ROOT, 'user.', new Uint8Array(4))));
});

test('names and values have limits', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const longest = `user.${'n'.repeat(250)}`;
  client.call(requests.setxattr(ROOT, longest, new Uint8Array(65536).fill(3)));
  assert.equal(client.getxattr(ROOT, longest).length, 65536);
  fails('ERANGE', () => client.call(requests.setxattr(ROOT, `${longest}n`, new Uint8Array(1))));
  fails('EINVAL', () => client.getxattr(ROOT, ''));
  fails('E2BIG', () => client.call(requests.setxattr(ROOT, 'user.b', new Uint8Array(65537))));
});

test('the names of one file fit into one listxattr(2)', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const name = (i: number): string => `user.${String(i).padStart(250, '0')}`;
  for (let i = 0; i < 256; i++) client.call(requests.setxattr(ROOT, name(i), new Uint8Array(1)));
  fails('ENOSPC', () => client.call(requests.setxattr(ROOT, name(256), new Uint8Array(1))));
  client.call(requests.setxattr(ROOT, name(5), new Uint8Array(9)));
  assert.equal(client.listxattr(ROOT).length, 256);
});

test('attributes of all files together are limited, and room comes back', () => {
  using guest = Guest.mounted({ memory: 65536 });
  const { client, device } = guest;
  const value = new Uint8Array(65536);
  const nodes: number[] = [];
  let full = false;
  for (let i = 0; !full; i++) {
    nodes.push(client.mknod(ROOT, `f${i}`, 0o100644).node);
    try {
      client.call(requests.setxattr(nodes[i]!, 'user.a', value));
    } catch {
      full = true;
    }
  }
  fails('ENOSPC', () => client.call(requests.setxattr(nodes.at(-1)!, 'user.a', value)));
  assert.ok(device.fileSystem.xattrBytes <= device.fileSystem.limits.xattrBytes);
  client.call(requests.unlink(ROOT, 'f0'));
  client.forget(nodes[0]!, 1);
  client.call(requests.setxattr(nodes.at(-1)!, 'user.a', value));
  for (const [index, node] of nodes.entries())
    if (index > 0) client.call(requests.removexattr(node, 'user.a'));
  assert.equal(device.fileSystem.xattrBytes, 0);
});

test('without SETXATTR_EXT the request is the short one', () => {
  using guest = new Guest();
  const { client } = guest;
  client.init(CLIENT_FLAGS & ~InitFlag.setxattrExtended);
  client.call(requests.setxattr(ROOT, 'user.a', Buffer.from('short'), 0, false));
  assert.equal(Buffer.from(client.getxattr(ROOT, 'user.a')).toString(), 'short');
});

test('a value that is longer or shorter than it says is refused', () => {
  using guest = Guest.mounted();
  const { client } = guest;
  const request = requests.setxattr(ROOT, 'user.a', new Uint8Array(10));
  for (const data of [new Uint8Array(9), new Uint8Array(11), new Uint8Array(0)])
    fails('EINVAL', () => client.call({ ...request, arguments: [...request.arguments.slice(0, -1), data] }));
  assert.deepEqual(client.listxattr(ROOT), []);
});
