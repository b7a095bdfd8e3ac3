/** What a guest refers to of a shared directory is found again: where it was, where it is now, or with its contents. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { Place } from '../../src/devices/fs/directory/state/sections.ts';
import { FileType } from '../../src/devices/fs/tree/inode.ts';
import { readXattrs, statusOf } from '../../src/sys/index.ts';
import {
  behindInode,
  descriptors,
  Folder,
  load,
  SharedWorld,
  save,
  setAttribute,
  textIn,
} from './fs-share-support.ts';
import type { Saved } from './fs-state-support.ts';

/** Where the inodes of a state are said to be, by node id. */
function places(saved: readonly Saved[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const { section, payload } of saved) {
    if (section !== 'inodes') continue;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    for (let at = 0; at < payload.length; at = behindInode(view, at))
      found.set(view.getUint32(at, true), view.getUint32(at + 24, true));
  }
  return found;
}

test('files are the same ones where they were, with references, handles, positions and locks', () => {
  using folder = new Folder();
  folder.mkdir('d');
  folder.write('d/file', 'contents');
  folder.write('\xe9t\xe9');
  fs.linkSync(folder.at('d/file'), folder.at('second'));
  for (let i = 0; i < 50; i++) folder.write(`d/${i}`);
  using world = new SharedWorld(folder);
  const file = world.lookup('d/file');
  world.lookup('second');
  assert.equal(file.lookups, 2);
  world.lookup('\xe9t\xe9');
  world.lookup('d/7');
  const reading = world.open(file, 0);
  const appending = world.open(file, 0o2001);
  appending.lockOwners = new Set([2n ** 64n - 1n]);
  const directory = world.opendir(world.lookup('d'));
  const gone = world.open(world.lookup('d/8'));
  world.share.closeFile(gone);
  const { locks } = world.share;
  locks.setRecord(file.node, { owner: 2n ** 64n - 1n, start: 0n, end: 99n, type: 1, pid: 70 });
  locks.setFile(file.node, { owner: 9n, type: 0 });
  const saved = world.save();
  using loaded = load(saved, folder);
  const { share } = loaded;
  assert.deepEqual(loaded.troubles, []);
  for (const inode of world.share.inodes.values()) {
    const found = share.inodes.get(inode.node)!;
    assert.deepEqual(
      [
        found.inoLow,
        found.lookups,
        found.opens,
        found.children,
        found.name,
        found.generation,
        found.parent?.node,
      ],
      [
        inode.inoLow,
        inode.lookups,
        inode.opens,
        inode.children,
        inode.name,
        inode.generation,
        inode.parent?.node,
      ],
    );
    assert.equal(statusOf(share.inodes.descriptor(found)), 0);
    assert.ok(inode.isDescribed);
  }
  assert.equal(share.inodes.size, world.share.inodes.size);
  // A state is the same whoever writes it
  assert.deepEqual(
    save(loaded).filter(({ section }) => section !== 'head'),
    saved.filter(({ section }) => section !== 'head'),
  );
  assert.deepEqual(share.session, world.share.session);
  assert.equal(textIn(share.files.get(reading.handle)!.fd), 'contents');
  const moved = share.files.get(appending.handle)!;
  assert.ok(moved.flags === 0o2001 && moved.writable && !moved.readable);
  fs.writeSync(moved.fd, 'X', 0);
  assert.equal(fs.readFileSync(folder.at('second'), 'latin1'), 'Xontents');
  assert.deepEqual([...moved.lockOwners!], [2n ** 64n - 1n]);
  assert.equal(share.directories.get(directory.handle)!.inode.name, 'd');
  assert.deepEqual([...share.locks.records()], [...locks.records()]);
  assert.deepEqual([...share.locks.files()], [...locks.files()]);
  assert.equal(share.inodes.nextNode, world.share.inodes.nextNode);
  assert.equal(share.nextHandle, world.share.nextHandle);
});

test('a directory that no guest has seen is saved without a session', () => {
  using folder = new Folder();
  using world = new SharedWorld(folder);
  world.share.session = undefined;
  using loaded = load(world.save(), folder);
  assert.equal(loaded.share.session, undefined);
  assert.equal(loaded.share.inodes.size, 1);
});

test('files that others have renamed are found where they are now', () => {
  using folder = new Folder();
  for (const name of ['a', 'a/b', 'c']) folder.mkdir(name);
  folder.write('a/b/file', 'kept');
  folder.write('moved', 'moved');
  using world = new SharedWorld(folder);
  const file = world.lookup('a/b/file');
  const moved = world.lookup('moved');
  fs.renameSync(folder.at('a/b'), folder.at('c/\xff (deleted)'));
  fs.renameSync(folder.at('moved'), folder.at('c/elsewhere'));
  // Names that others took since do not lead astray
  folder.write('moved', 'another');
  folder.mkdir('a/b');
  const saved = world.save();
  const b = file.parent!;
  assert.deepEqual(
    [b, file, moved].map(({ node }) => places(saved).get(node)),
    [Place.path, Place.child, Place.path],
  );
  using loaded = load(saved, folder);
  for (const inode of [b, file, moved]) {
    assert.equal(statusOf(loaded.share.inodes.descriptor(loaded.share.inodes.get(inode.node)!)), 0);
    assert.ok(inode.isDescribed);
  }
});

test('an open file whose last known name is gone is found by another hard link', () => {
  using folder = new Folder();
  folder.mkdir('d');
  folder.write('d/first', 'linked');
  fs.linkSync(folder.at('d/first'), folder.at('second'));
  using world = new SharedWorld(folder);
  const file = world.lookup('second');
  world.lookup('d/first');
  const open = world.open(file);
  // One that nobody has open, but the guest knows of
  folder.write('d/third');
  fs.linkSync(folder.at('d/third'), folder.at('fourth'));
  const known = world.lookup('fourth');
  world.remove(folder, 'fourth');
  world.remove(folder, 'second');
  const saved = world.save();
  assert.deepEqual([places(saved).get(file.node), places(saved).get(known.node)], [Place.child, Place.child]);
  using loaded = load(saved, folder);
  assert.equal(textIn(loaded.share.files.get(open.handle)!.fd), 'linked');
  assert.equal(loaded.share.inodes.get(file.node)!.name, 'first');
});

test('or by one in a directory that the guest does not refer to', () => {
  using folder = new Folder();
  for (const name of ['d', 'd/e', 'f']) folder.mkdir(name);
  folder.write('first', 'linked');
  fs.linkSync(folder.at('first'), folder.at('d/e/other'));
  using world = new SharedWorld(folder);
  const file = world.lookup('first');
  const open = world.open(file);
  world.remove(folder, 'first');
  const saved = world.save();
  assert.equal(places(saved).get(file.node), Place.path);
  using loaded = load(saved, folder);
  assert.equal(textIn(loaded.share.files.get(open.handle)!.fd), 'linked');
});

test('a deleted file that is open comes with its data, its holes, its attributes', () => {
  using folder = new Folder();
  const big = Buffer.alloc(1_300_000, 'data and ');
  folder.write('deleted', big);
  fs.truncateSync(folder.at('deleted'), 2 ** 40);
  const far = fs.openSync(folder.at('deleted'), 'r+');
  fs.writeSync(far, 'far', 2 ** 39);
  fs.closeSync(far);
  fs.chownSync(folder.at('deleted'), 1234, 567);
  fs.chmodSync(folder.at('deleted'), 0o4711);
  fs.utimesSync(folder.at('deleted'), -5, 1_700_000_000.25);
  using world = new SharedWorld(folder);
  const file = world.lookup('deleted');
  const open = world.open(file);
  setAttribute(file.fd, 'user.colour', new Uint8Array([0, 255]));
  world.remove(folder, 'deleted');
  const before = fs.fstatSync(open.fd, { bigint: true });
  const saved = world.save();
  assert.ok(saved.reduce((sum, { payload }) => sum + payload.length, 0) < 1_500_000, 'holes do not travel');
  using loaded = load(saved, folder);
  world.share[Symbol.dispose]();
  const { fd } = loaded.share.files.get(open.handle)!;
  const after = fs.fstatSync(fd, { bigint: true });
  const inode = loaded.share.inodes.get(file.node)!;
  assert.deepEqual(
    [after.size, after.mode, after.uid, after.gid, after.mtimeNs, after.atimeNs, after.nlink, after.blocks],
    [before.size, before.mode, before.uid, before.gid, before.mtimeNs, before.atimeNs, 0n, before.blocks],
  );
  assert.deepEqual([inode.shownIno, inode.removed], [Number(before.ino), true]);
  const area = Buffer.alloc(big.length);
  fs.readSync(fd, area, 0, area.length, 0);
  assert.ok(area.equals(big));
  fs.readSync(fd, area, 0, 3, 2 ** 39);
  assert.equal(area.toString('latin1', 0, 3), 'far');
  assert.deepEqual([...readXattrs(Buffer.from(`/proc/self/fd/${fd}`))], []);
  assert.deepEqual(fs.readdirSync(folder.path), []);
});

test('deleted files of every other type are there again', () => {
  using folder = new Folder();
  folder.mkdir('directory');
  fs.symlinkSync('to\xff/nowhere', folder.at('link'));
  execFileSync('mknod', [folder.at('pipe'), 'p']);
  execFileSync('mknod', [folder.at('tty'), 'c', '5', '300']);
  using world = new SharedWorld(folder);
  const before = new Map<number, fs.BigIntStats>();
  for (const name of ['directory', 'link', 'pipe', 'tty']) {
    fs.lchownSync(folder.at(name), 77, 88);
    if (name !== 'link') fs.chmodSync(folder.at(name), 0o640);
    const inode = world.lookup(name);
    before.set(inode.node, fs.lstatSync(folder.at(name), { bigint: true }));
    if (name === 'directory') world.opendir(inode);
    world.remove(folder, name);
  }
  using loaded = load(world.save(), folder);
  for (const [node, { mode, uid, gid, rdev, mtimeNs, ino }] of before) {
    const inode = loaded.share.inodes.get(node)!;
    const now = fs.fstatSync(inode.fd, { bigint: true });
    assert.deepEqual(
      [now.mode, now.uid, now.gid, now.rdev, now.mtimeNs, inode.shownIno],
      [mode, uid, gid, rdev, mtimeNs, Number(ino)],
    );
    assert.equal(now.nlink, 0n);
    if (inode.type === FileType.symlink)
      assert.equal(fs.readlinkSync(`/proc/self/fd/${inode.fd}`, 'latin1').split('/').at(-1), 'x (deleted)');
  }
});

test('where the file system makes no files without names, deleted ones live in memory', () => {
  using folder = new Folder();
  folder.write('deleted', 'kept');
  using world = new SharedWorld(folder);
  const open = world.open(world.lookup('deleted'));
  world.remove(folder, 'deleted');
  const saved = world.save();
  using loaded = load(saved, { path: '/proc/self' }, { identity: 'path' });
  const { fd } = loaded.share.files.get(open.handle)!;
  assert.equal(textIn(fd), 'kept');
  assert.match(fs.readlinkSync(`/proc/self/fd/${fd}`), /^\/memfd:/);
  assert.equal(fs.fstatSync(fd).nlink, 0);
});

test('a file that others removed, and that nobody has open, is for the guest to look for anew', () => {
  using folder = new Folder();
  folder.mkdir('d');
  folder.write('d/file');
  using world = new SharedWorld(folder);
  const file = world.lookup('d/file');
  fs.rmSync(folder.at('d'), { recursive: true });
  const saved = world.save();
  assert.deepEqual(
    [places(saved).get(file.node), places(saved).get(file.parent!.node)],
    [Place.gone, Place.gone],
  );
  using loaded = load(saved, folder);
  assert.deepEqual(loaded.troubles, []);
  const inode = loaded.share.inodes.get(file.node)!;
  assert.ok(inode.lost && inode.lookups === 1);
  assert.ok(loaded.share.inodes.descriptor(inode) < 0);
});

test('the middle of a directory is where it was, and in a copy of it the names to come are the same', () => {
  using folder = new Folder();
  using copy = new Folder('/dev/shm');
  for (let i = 0; i < 300; i++) folder.write(`name ${i}`);
  execFileSync('cp', ['-a', `${folder.path}/.`, copy.path]);
  using world = new SharedWorld(folder);
  const directory = world.opendir(world.share.root);
  directory.positionLow = 0x89abcdef;
  directory.positionHigh = 0x01234567;
  using fresh = world.opendir(world.share.root) && new DisposableStack();
  const saved = world.save();
  using here = load(saved, folder);
  const moved = here.share.directories.get(directory.handle)!;
  assert.deepEqual([moved.positionLow, moved.positionHigh], [directory.positionLow, directory.positionHigh]);
  assert.equal(moved.carried, undefined);
  using there = load(saved, copy, { identity: 'copy' });
  const { carried } = there.share.directories.get(directory.handle)!;
  assert.equal(carried!.names.length, 302);
  assert.deepEqual(new Set(carried!.names), new Set(['.', '..', ...fs.readdirSync(folder.path)]));
  assert.equal(there.share.directories.get(directory.handle + 1)!.carried, undefined);
  // From there it goes on as it came
  using again = load(save(there), copy, { identity: 'copy' });
  assert.deepEqual(again.share.directories.get(directory.handle)!.carried!.names, carried!.names);
  fresh.dispose();
});

test('a guest with more files than there are descriptors for is loaded, and its files open as they are used', () => {
  using folder = new Folder();
  using world = new SharedWorld(folder);
  for (let i = 0; i < 300; i++) {
    folder.write(`name ${i}`);
    world.lookup(`name ${i}`);
  }
  const saved = world.save();
  using loaded = load(saved, folder, { descriptors: 0 });
  assert.equal(loaded.share.inodes.size, 301);
  for (const inode of loaded.share.inodes.values()) {
    loaded.share.inodes.makeRoom();
    assert.ok(loaded.share.inodes.descriptor(inode) >= 0);
  }
});

test('an open file deeper than any path that was moved away is told by the end of where it was', () => {
  using folder = new Folder();
  using elsewhere = new Folder();
  const world = new SharedWorld(folder);
  using _world = world;
  const name = 'x'.repeat(250);
  // Deeper than PATH_MAX allows to say in one go
  const cwd = process.cwd();
  try {
    process.chdir(folder.path);
    for (let i = 0; i < 20; i++) {
      fs.mkdirSync(name);
      process.chdir(name);
    }
    fs.writeFileSync('file', 'deep');
    const open = world.open(world.lookup(`${`${name}/`.repeat(20)}file`));
    const saved = world.save();
    {
      using loaded = load(saved, folder);
      assert.equal(textIn(loaded.share.files.get(open.handle)!.fd), 'deep');
    }
    fs.renameSync('file', elsewhere.at('file'));
    const lost = world.save();
    assert.throws(() => load(lost, folder), { message: /x\/file" is not .* could not find it/ });
  } finally {
    process.chdir(cwd);
  }
});

test('a load that is given up leaves no descriptor and no file behind', () => {
  using folder = new Folder();
  folder.write('deleted', 'kept');
  folder.write('file');
  using world = new SharedWorld(folder);
  world.open(world.lookup('deleted'));
  world.open(world.lookup('file'));
  world.remove(folder, 'deleted');
  const saved = world.save();
  const before = descriptors();
  load(saved, folder)[Symbol.dispose]();
  assert.throws(() => load(saved.slice(0, -1), folder));
  assert.equal(descriptors(), before);
  assert.deepEqual(fs.readdirSync(folder.path), ['file']);
  assert.deepEqual(
    fs.readdirSync(tmpdir()).filter((name) => name.startsWith('ferry-nameless-')),
    [],
  );
});
