import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Directory } from '../../src/devices/fs/tree/directory.ts';
import { FileType, Inode } from '../../src/devices/fs/tree/inode.ts';
import { hashBytes, hashName, nameFromBytes, nameToBytes } from '../../src/devices/fs/tree/name.ts';

function inode(ino: number): Inode {
  return new Inode(ino, 1, FileType.regular | 0o644, 0, 0);
}

function directory(): Directory {
  return new Directory(inode(1));
}

/** Two names, or more, that fall into one bucket. */
function collidingNames(): string[] {
  const seen = new Map<number, string>();
  for (let i = 0; ; i++) {
    const name = `file-${i}`;
    const hash = hashName(name);
    const other = seen.get(hash);
    if (other !== undefined) return [other, name];
    seen.set(hash, name);
  }
}

test('a name hashes the same as a string and as bytes, and survives both ways', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 255 }), (bytes) => {
      const area = new Uint8Array(300).fill(7);
      area.set(bytes, 9);
      const name = nameFromBytes(area, 9, bytes.length);
      assert.equal(hashName(name), hashBytes(area, 9, bytes.length));
      const back = new Uint8Array(bytes.length);
      nameToBytes(name, back, 0);
      assert.deepEqual(back, bytes);
    }),
  );
});

for (const first of [0, 1])
  test(`names with the same hash are told apart when number ${first} goes first`, () => {
    const names = collidingNames();
    const found = directory();
    for (const [index, name] of names.entries()) found.add(name, inode(index + 10));
    const bytes = Buffer.from(names[1]!);
    assert.equal(found.find(bytes, 0, bytes.length)?.inode?.ino, 11);
    found.remove(found.get(names[first]!)!);
    assert.equal(found.get(names[first]!), undefined);
    const kept = 1 - first;
    assert.equal(found.get(names[kept]!)?.inode?.ino, kept + 10);
    found.remove(found.get(names[kept]!)!);
    assert.deepEqual([found.size, found.get(names[kept]!)], [0, undefined]);
  });

type Change = { add: boolean; key: number };

test('a position in a directory means the same whatever is added and removed meanwhile', () => {
  const change = fc.record({ add: fc.boolean(), key: fc.integer({ min: 0, max: 60 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), fc.integer({ min: 1, max: 7 }), (changes, step) => {
      const tree = directory();
      const live = new Map<string, number>();
      // A reader walks on by `step` names after each tenth change.
      let position = 0;
      const returned = new Set<number>();
      const always = new Set([...'abcdefgh'].map((name) => tree.add(name, inode(5)).cookie));
      const read = (count: number): void => {
        const from = tree.indexAfter(position);
        for (let index = from; index < from + count; index++) {
          const entry = tree.at(index);
          if (entry === undefined) return;
          if (entry.inode === undefined) continue;
          assert.ok(entry.cookie > position);
          assert.ok(!returned.has(entry.cookie));
          returned.add(entry.cookie);
          position = entry.cookie;
        }
      };
      for (const [index, { add, key }] of changes.entries()) {
        apply(tree, live, { add, key });
        if (index % 10 === 9) read(step);
      }
      read(1000);
      for (const cookie of always) assert.ok(returned.has(cookie));
      assert.deepEqual(
        [...tree.entries()].map(([{ name }]) => name).filter((name) => name.length > 1),
        [...live].sort((a, b) => a[1] - b[1]).map(([name]) => name),
      );
      assert.equal(tree.size, live.size + always.size);
    }),
  );
});

function apply(tree: Directory, live: Map<string, number>, { add, key }: Change): void {
  const name = `key${key}`;
  const entry = tree.get(name);
  assert.equal(entry?.cookie, live.get(name));
  if (add && entry === undefined) live.set(name, tree.add(name, inode(key)).cookie);
  else if (!add && entry !== undefined) {
    tree.remove(entry);
    live.delete(name);
  }
}

test('removed entries do not pile up', () => {
  const tree = directory();
  tree.add('first', inode(2));
  for (let i = 0; i < 10_000; i++) tree.remove(tree.add('again', inode(3)));
  let length = 0;
  while (tree.at(length) !== undefined) length++;
  assert.ok(length < 100, `${length} entries are kept for one name`);
  assert.ok(tree.nextCookie > 10_000);
});
