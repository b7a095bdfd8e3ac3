import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FileType, type Inode } from '../../src/devices/fs/tree/inode.ts';
import { liveResources } from '../../src/sys/index.ts';
import { everything, load, put, SECTION_NAMES, save, snapshot, World } from './fs-state-support.ts';

test('everything that the guest may refer to is there after a load, and can be saved again as it was', () => {
  const held = liveResources().length;
  {
    using world = everything();
    const before = snapshot(world);
    const saved = world.save();
    assert.deepEqual([...new Set(saved.map(({ section }) => section))], SECTION_NAMES);
    assert.deepEqual(snapshot(world), before);
    using loaded = load(saved);
    assert.deepEqual(snapshot(loaded), before);
    assert.equal(loaded.fileSystem.generation, world.fileSystem.generation + 1);
    using second = load(save(loaded));
    assert.deepEqual(snapshot(second), before);
  }
  assert.equal(liveResources().length, held);
});

test('an empty file system that no guest has seen is saved without a session', () => {
  using world = new World();
  world.fileSystem.session = undefined;
  const saved = world.save();
  assert.deepEqual(
    saved.map(({ section }) => section),
    ['totals', 'inodes'],
  );
  using loaded = load(saved);
  assert.equal(loaded.fileSystem.session, undefined);
  assert.deepEqual(snapshot(loaded), snapshot(world));
});

test('holes and reserved memory do not travel, and are there afterwards', () => {
  using world = new World();
  const file = world.file(world.fileSystem.root, 'file');
  file.content!.truncate(2 ** 40);
  file.content!.allocate(1, 0, 8 * 2 ** 20);
  put(file.content!, 2 ** 20, new Uint8Array(1).fill(1));
  const saved = world.save();
  assert.ok(saved.reduce((sum, { payload }) => sum + payload.length, 0) < 10_000);
  using loaded = load(saved);
  const content = loaded.fileSystem.inodes.get(file.ino)!.content!;
  assert.equal(content.pages, 2048);
  assert.equal(content.seekData(0), 2 ** 20);
  assert.equal(content.seekHole(2 ** 20), 2 ** 20 + 4096);
});

test('a loaded file system goes on working: names, handles, memory and locks', () => {
  using world = everything();
  using loaded = load(world.save());
  const { fileSystem } = loaded;
  const { locks } = fileSystem;
  const home = fileSystem.root.directory!.get('home')!.inode!;
  const inode = fileSystem.createInode(FileType.regular | 0o600, 0, 0);
  assert.equal(inode.ino, world.fileSystem.nextIno);
  const before = home.directory!.lastCookie;
  fileSystem.link(home, 'new', inode);
  assert.ok(home.directory!.get('new')!.cookie > before);
  put(inode.content!, 0, new Uint8Array(100).fill(1));
  const deleted = [...fileSystem.files.values()].find((file) => file.inode.nlink === 0)!;
  const used = fileSystem.contents.freePages;
  fileSystem.closeFile(deleted);
  assert.equal(fileSystem.contents.freePages, used + 1);
  const file = home.directory!.get('file')!.inode!;
  assert.ok(locks.setRecord(file.ino, { owner: 8n, start: 50n, end: 60n, type: 0, pid: 1 }) < 0);
  locks.releaseRecords(file.ino, 7n);
  assert.equal(locks.setRecord(file.ino, { owner: 8n, start: 50n, end: 60n, type: 0, pid: 1 }), 0);
  fileSystem.endSession();
  assert.ok([...fileSystem.inodes.values()].every(({ nlink }) => nlink > 0));
});

test('many small files share records, and a large one is cut where records end', () => {
  using world = new World(256 * 2 ** 20);
  const { root } = world.fileSystem;
  for (let i = 0; i < 5000; i++) world.file(root, `small ${i}`, new Uint8Array(100).fill(i));
  const bytes = new Uint8Array(20 * 2 ** 20);
  for (let i = 0; i < bytes.length; i += 4096) bytes[i] = (i >> 12) & 255;
  world.file(root, 'large', bytes);
  for (let i = 0; i < 300; i++) world.file(root, `middle ${i}`, new Uint8Array(5000 + 100 * i).fill(i));
  const saved = world.save();
  const contents = saved.filter(({ section }) => section === 'contents');
  assert.ok(contents.length < 30, `${contents.length} records`);
  using loaded = load(saved, { memory: 256 * 2 ** 20 });
  assert.deepEqual(snapshot(loaded), snapshot(world));
});

const name = fc.integer({ min: 0, max: 6 }).map((n) => `name ${n}`);
const step = fc.record({
  kind: fc.constantFrom(
    'file',
    'directory',
    'link',
    'unlink',
    'rename',
    'exchange',
    'write',
    'truncate',
    'reserve',
    'open',
    'close',
    'lookup',
    'forget',
    'xattr',
    'lock',
    'flock',
  ),
  at: fc.nat(12),
  to: fc.nat(12),
  name,
  other: name,
  size: fc.nat(200_000),
});

function isBelow(inode: Inode, above: Inode): boolean {
  for (let at = inode; ; at = at.directory!.parent) {
    if (at === above) return true;
    if (at.directory!.parent === at) return false;
  }
}

test('any file system comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      using world = new World();
      const { fileSystem, locks } = world;
      for (const { kind, at, to, name, other, size } of steps) {
        const inodes = [...fileSystem.inodes.values()];
        const directories = inodes.filter((inode) => inode.directory !== undefined && inode.nlink > 0);
        const parent = directories[at % directories.length]!;
        const target = directories[to % directories.length]!;
        const entry = parent.directory!.get(name);
        const occupied = target.directory!.get(other);
        const any = inodes[at % inodes.length]!;
        const content = any.content;
        switch (kind) {
          case 'file':
            if (entry === undefined) world.file(parent, name, new Uint8Array(size).fill(at + 1));
            break;
          case 'directory':
            if (entry === undefined) world.directory(parent, name);
            break;
          case 'link':
            if (entry !== undefined || any.directory !== undefined || any.nlink === 0) break;
            fileSystem.link(parent, name, any);
            break;
          case 'unlink':
            if (entry?.inode !== undefined && (entry.inode.directory?.size ?? 0) === 0)
              fileSystem.unlink(parent, entry);
            break;
          case 'rename': {
            const moved = entry?.inode;
            if (entry === undefined || moved === undefined || occupied?.inode === moved) break;
            if (moved.directory !== undefined && isBelow(target, moved)) break;
            if (occupied?.inode?.directory !== undefined && occupied.inode.directory.size > 0) break;
            if (occupied?.inode !== undefined && occupied.inode.directory === undefined && moved.directory)
              break;
            fileSystem.rename(parent, entry, target, other, occupied);
            break;
          }
          case 'exchange': {
            const [a, b] = [entry?.inode, occupied?.inode];
            if (entry === undefined || occupied === undefined || a === undefined || b === undefined) break;
            if (a === b || (a.directory && isBelow(target, a)) || (b.directory && isBelow(parent, b))) break;
            fileSystem.exchange(parent, entry, target, occupied);
            break;
          }
          case 'write':
            if (content !== undefined) put(content, size * 3, new Uint8Array(size >> 4).fill(to + 1));
            break;
          case 'truncate':
            content?.truncate(size);
            break;
          case 'reserve':
            content?.allocate(to % 2, size, size + 1);
            break;
          case 'open':
            if (content !== undefined) fileSystem.openFile(any, size & 0o2003);
            else if (any.directory !== undefined) fileSystem.openDirectory(any, 0).position = size;
            break;
          case 'close': {
            const file = fileSystem.files.values().next().value;
            const directory = fileSystem.directories.values().next().value;
            if (file !== undefined && to % 2 === 0) fileSystem.closeFile(file);
            else if (directory !== undefined) fileSystem.closeDirectory(directory);
            break;
          }
          case 'lookup':
            any.lookups += to;
            break;
          case 'forget':
            any.lookups = 0;
            fileSystem.forgetUnreferenced(any);
            break;
          case 'xattr':
            fileSystem.setXattr(any, `user.${name}`, new Uint8Array(to * 10).fill(at));
            break;
          case 'lock':
            locks.setRecord(any.ino, {
              owner: BigInt(to),
              start: BigInt(size),
              end: BigInt(size + at),
              type: to % 3,
              pid: to,
            });
            break;
          case 'flock':
            locks.setFile(any.ino, { owner: BigInt(to), type: at % 3 });
        }
        for (const { node } of [...locks.records(), ...locks.files()])
          if (!fileSystem.inodes.has(node)) locks.removeNode(node);
      }
      using loaded = load(world.save());
      assert.deepEqual(snapshot(loaded), snapshot(world));
    }),
    { numRuns: 150 },
  );
});
