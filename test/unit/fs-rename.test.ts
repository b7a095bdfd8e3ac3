import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requests, SetattrValid } from '../../src/fuse/index.ts';
import { fails, Guest, namesIn } from './fs-guest.ts';

const ROOT = 1;
const FILE = 0o100644;
const NO_REPLACE = 1;
const EXCHANGE = 2;
const WHITEOUT = 4;

/** `/a/file`, `/a/sub`, `/b`, `/other`. */
function tree() {
  const guest = Guest.mounted();
  const { client } = guest;
  const a = client.mkdir(ROOT, 'a', 0o755).node;
  const b = client.mkdir(ROOT, 'b', 0o755).node;
  const file = client.mknod(a, 'file', FILE).node;
  const sub = client.mkdir(a, 'sub', 0o755).node;
  const other = client.mknod(ROOT, 'other', FILE).node;
  const move = (from: number, name: string, to: number, newName: string, flags?: number) =>
    client.call(
      flags === undefined
        ? requests.rename(from, name, to, newName)
        : requests.rename2(from, name, to, newName, flags),
    );
  return { guest, client, a, b, file, sub, other, move, [Symbol.dispose]: () => guest[Symbol.dispose]() };
}

test('a file moves to another name and another directory', () => {
  using t = tree();
  t.move(t.a, 'file', t.b, 'moved');
  assert.equal(t.client.lookup(t.b, 'moved').node, t.file);
  assert.equal(t.client.find(t.a, 'file'), undefined);
  t.move(t.b, 'moved', t.b, 'again', 0);
  assert.deepEqual(namesIn(t.guest, t.b), ['.', '..', 'again']);
});

test('a directory that moves takes its place among the links of its parents', () => {
  using t = tree();
  t.move(t.a, 'sub', t.b, 'sub');
  assert.equal(t.client.getattr(t.a).nlink, 2);
  assert.equal(t.client.getattr(t.b).nlink, 3);
  assert.equal(t.client.lookup(t.sub, '..').node, t.b);
});

test('what has the name already is replaced where the types allow it', () => {
  using t = tree();
  t.move(ROOT, 'other', t.a, 'file');
  assert.equal(t.client.lookup(t.a, 'file').node, t.other);
  assert.equal(t.client.getattr(t.file).nlink, 0);
  fails('EISDIR', () => t.move(t.a, 'file', ROOT, 'b'));
  fails('ENOTDIR', () => t.move(ROOT, 'b', t.a, 'file'));
  fails('ENOTEMPTY', () => t.move(ROOT, 'b', ROOT, 'a'));
  t.move(ROOT, 'b', t.a, 'sub');
  assert.equal(t.client.lookup(t.a, 'sub').node, t.b);
  assert.equal(t.client.getattr(t.sub).nlink, 0);
  assert.equal(t.client.getattr(t.a).nlink, 3);
  assert.equal(t.client.getattr(ROOT).nlink, 3);
});

test('a replaced file keeps its contents for whoever has it open', () => {
  using t = tree();
  const handle = t.client.open(t.file, 2);
  t.client.write(t.file, handle, 0, Buffer.from('still here'));
  t.move(ROOT, 'other', t.a, 'file');
  t.client.forget(t.file, 1);
  assert.equal(Buffer.from(t.client.read(t.file, handle, 0, 100)).toString(), 'still here');
  t.client.call(requests.release(t.file, handle));
  fails('ESTALE', () => t.client.getattr(t.file));
});

test('a replaced name keeps its place for readers of the directory', () => {
  using t = tree();
  t.client.mknod(t.a, 'last', FILE);
  const handle = t.client.opendir(t.a);
  const [first] = t.client.readdir(t.a, handle, 2, 32);
  t.move(ROOT, 'other', t.a, 'file');
  const again = t.client.readdir(t.a, handle, 2, 32);
  assert.deepEqual([again[0]?.cookie, again[0]?.ino], [first?.cookie, t.other]);
});

test('two names of one file stay when one is renamed to the other', () => {
  using t = tree();
  t.client.link(t.file, t.a, 'same');
  t.move(t.a, 'file', t.a, 'same');
  assert.deepEqual(namesIn(t.guest, t.a), ['.', '..', 'file', 'sub', 'same']);
  fails('EEXIST', () => t.move(t.a, 'file', t.a, 'same', NO_REPLACE));
});

test('a directory cannot move into itself, nor replace what it is in', () => {
  using t = tree();
  const deep = t.client.mkdir(t.sub, 'deep', 0o755).node;
  fails('EINVAL', () => t.move(ROOT, 'a', t.a, 'x'));
  fails('EINVAL', () => t.move(ROOT, 'a', deep, 'x'));
  fails('EINVAL', () => t.move(ROOT, 'a', t.sub, 'deep'));
  fails('ENOTEMPTY', () => t.move(t.sub, 'deep', ROOT, 'a'));
  fails('EINVAL', () => t.move(t.sub, 'deep', ROOT, 'a', EXCHANGE));
  fails('EINVAL', () => t.move(ROOT, 'a', t.sub, 'deep', EXCHANGE));
  t.move(t.a, 'sub', t.a, 'sub');
  assert.equal(t.client.lookup(t.a, 'sub').node, t.sub);
});

test('NOREPLACE refuses a name that is there', () => {
  using t = tree();
  fails('EEXIST', () => t.move(ROOT, 'other', t.a, 'file', NO_REPLACE));
  t.move(ROOT, 'other', t.a, 'new', NO_REPLACE);
  assert.equal(t.client.lookup(t.a, 'new').node, t.other);
});

test('EXCHANGE swaps two names, of whatever types, at once', () => {
  using t = tree();
  t.move(ROOT, 'other', t.a, 'sub', EXCHANGE);
  assert.equal(t.client.lookup(ROOT, 'other').node, t.sub);
  assert.equal(t.client.lookup(t.a, 'sub').node, t.other);
  assert.equal(t.client.lookup(t.sub, '..').node, ROOT);
  assert.equal(t.client.getattr(ROOT).nlink, 5);
  assert.equal(t.client.getattr(t.a).nlink, 2);
  fails('ENOENT', () => t.move(ROOT, 'other', ROOT, 'nothing', EXCHANGE));
  t.move(ROOT, 'a', ROOT, 'b', EXCHANGE);
  assert.deepEqual([t.client.lookup(ROOT, 'a').node, t.client.lookup(ROOT, 'b').node], [t.b, t.a]);
});

test('WHITEOUT leaves a device node 0:0 in the old place', () => {
  using t = tree();
  t.move(t.a, 'file', t.b, 'moved', WHITEOUT);
  const left = t.client.lookup(t.a, 'file');
  assert.deepEqual([left.mode, left.rdev, left.nlink], [0o020000, 0, 1]);
  assert.equal(t.client.lookup(t.b, 'moved').node, t.file);
  t.client.setattr(t.a, { valid: SetattrValid.mode | SetattrValid.gid, mode: 0o2755, gid: 700 });
  t.move(t.a, 'sub', t.b, 'sub', WHITEOUT | NO_REPLACE);
  assert.equal(t.client.lookup(t.a, 'sub').gid, 700);
  assert.deepEqual([t.client.getattr(t.a).nlink, t.client.getattr(t.b).nlink], [2, 3]);
});

test('flags that do not go together are refused', () => {
  using t = tree();
  for (const flags of [8, 0x80000000, EXCHANGE | NO_REPLACE, EXCHANGE | WHITEOUT, 7])
    fails('EINVAL', () => t.move(ROOT, 'other', t.b, 'x', flags));
  fails('ENOENT', () => t.move(ROOT, 'nothing', t.b, 'x'));
  fails('ESTALE', () => t.move(ROOT, 'other', 999, 'x'));
  fails('ENOTDIR', () => t.move(ROOT, 'other', t.file, 'x'));
  fails('ENOTDIR', () => t.move(t.file, 'other', t.b, 'x'));
});
