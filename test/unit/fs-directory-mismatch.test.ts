/** Files that others changed, replaced or removed between a save and its load: refused, or an error for that file alone. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { differenceOf, handleOf } from '../../src/devices/fs/directory/state/identity.ts';
import { FsRefusal } from '../../src/devices/fs/state/errors.ts';
import { Errno } from '../../src/sys/index.ts';
import { behindInode, descriptors, Folder, load, SharedWorld, save, textIn } from './fs-share-support.ts';

/** A guest that has three files open, of which something happens to `d/file`. */
function begin(folder: Folder) {
  folder.mkdir('d');
  folder.write('d/file', 'contents');
  folder.write('d/other', 'other');
  folder.write('plain', 'plain');
  const world = new SharedWorld(folder);
  const file = world.open(world.lookup('d/file'));
  const other = world.open(world.lookup('d/other'));
  const directory = world.opendir(world.lookup('d'));
  const plain = world.open(world.lookup('plain'));
  world.share.locks.setFile(file.inode.node, { owner: 1n, type: 1 });
  return { world, file, other, directory, plain };
}

interface Accident {
  /** Does something in the folder behind the devices' backs. */
  readonly happens: (folder: Folder) => void;
  /** What a refusal says beside the file's name. */
  readonly says: RegExp;
  /** The path that it names, `d/file` unless given. */
  readonly names?: string;
  /** Whether the whole directory is concerned. */
  readonly directory?: boolean;
}

const accidents: Record<string, Accident> = {
  'is removed': {
    happens: (folder) => fs.rmSync(folder.at('d/file')),
    says: /cannot be opened: ENOENT/,
  },
  'is replaced by another file': {
    happens: (folder) => {
      folder.write('d/new', 'contents');
      fs.renameSync(folder.at('d/new'), folder.at('d/file'));
    },
    says: /found inode \d+, expected inode \d+/,
  },
  'is replaced by a directory': {
    happens: (folder) => {
      fs.rmSync(folder.at('d/file'));
      folder.mkdir('d/file');
    },
    says: /found a directory, expected a regular file/,
  },
  'is replaced by a link that leads to it': {
    happens: (folder) => {
      fs.renameSync(folder.at('d/file'), folder.at('real'));
      fs.symlinkSync('../real', folder.at('d/file'));
    },
    says: /found a symbolic link, expected a regular file/,
  },
  'is another name of a file that the guest knows': {
    happens: (folder) => {
      fs.rmSync(folder.at('d/file'));
      fs.linkSync(folder.at('plain'), folder.at('d/file'));
    },
    says: /expected inode/,
  },
  'lies in a directory that is removed': {
    happens: (folder) => fs.rmSync(folder.at('d'), { recursive: true }),
    says: /cannot be opened: ENOENT/,
    names: 'd',
    directory: true,
  },
  'lies in a directory that is replaced by a link to it': {
    happens: (folder) => {
      fs.renameSync(folder.at('d'), folder.at('real'));
      fs.symlinkSync('real', folder.at('d'));
    },
    says: /found a symbolic link, expected a directory/,
    names: 'd',
    directory: true,
  },
};

describe('a file that', () => {
  for (const [what, { happens, says, names = 'd/file', directory = false }] of Object.entries(accidents)) {
    test(`${what} is refused, by its name`, () => {
      using folder = new Folder();
      using world = begin(folder).world;
      const saved = world.save();
      happens(folder);
      const before = descriptors();
      assert.throws(
        () => load(saved, folder),
        (error) =>
          error instanceof FsRefusal &&
          error.code === 'ERR_FS_MISMATCH' &&
          error.message.startsWith(`"${names}" is not what it was at the source: `) &&
          says.test(error.message),
      );
      assert.equal(descriptors(), before);
    });

    test(`${what} is an error for the guest, and nothing else is, here and further on`, () => {
      using folder = new Folder();
      const guest = begin(folder);
      using world = guest.world;
      const saved = world.save();
      happens(folder);
      let state = saved;
      // The second and third time nothing is refused that is known to be lost
      for (const onMismatch of ['guest-error', 'refuse', 'refuse'] as const) {
        using loaded = load(state, folder, { onMismatch });
        const { share, troubles } = loaded;
        assert.equal(troubles.length > 0, onMismatch === 'guest-error');
        if (troubles[0] !== undefined) assert.match(troubles[0], says);
        const file = share.files.get(guest.file.handle)!;
        assert.ok(file.fd === -1 && file.inode.lost && file.inode.lookups === 1);
        assert.equal(share.inodes.descriptor(file.inode), -Errno.ESTALE);
        assert.equal(file.inode.shownIno, guest.file.inode.inoLow);
        assert.equal(share.files.get(guest.other.handle)!.fd >= 0, !directory);
        assert.equal(share.directories.get(guest.directory.handle)!.fd >= 0, !directory);
        assert.equal(textIn(share.files.get(guest.plain.handle)!.fd), 'plain');
        assert.equal([...share.locks.files()].length, 1);
        // What is at its place now is another file for the guest
        assert.equal(share.inodes.find(share.root), share.root);
        state = save(loaded);
        share.closeFile(file);
        share.forget(file.inode.node, 1);
        assert.equal(share.inodes.get(guest.file.inode.node), undefined);
      }
    });
  }

  test('was given the number of another one is not taken for it', () => {
    using folder = new Folder('/dev/shm');
    folder.write('file');
    using world = new SharedWorld(folder);
    const { inoLow } = world.lookup('file');
    const saved = world.save().map((record) => {
      if (record.section !== 'inodes') return record;
      const payload = record.payload.slice();
      const view = new DataView(payload.buffer);
      const second = behindInode(view, 0);
      assert.equal(view.getUint32(second + 44, true), inoLow);
      view.setUint32(second + 88, (view.getUint32(second + 88, true) + 1) % 1_000_000_000, true);
      return { ...record, payload };
    });
    assert.throws(() => load(saved, folder), {
      message: /"file".*found inode \d+ made at .*, expected the one made at/,
    });
  });

  test('is open and was moved out of the directory is refused at the destination, and lost for the guest', () => {
    using folder = new Folder();
    using elsewhere = new Folder();
    const guest = begin(folder);
    using world = guest.world;
    fs.renameSync(folder.at('d/file'), elsewhere.at('file'));
    const saved = world.save();
    assert.throws(() => load(saved, folder), {
      code: 'ERR_FS_MISMATCH',
      message: /^"d\/file".*the source could not find it beneath the directory any more$/,
    });
    using loaded = load(saved, folder, { onMismatch: 'guest-error' });
    assert.equal(loaded.troubles.length, 1);
    assert.equal(loaded.share.files.get(guest.file.handle)!.fd, -1);
    assert.ok(loaded.share.files.get(guest.other.handle)!.fd >= 0);
  });
});

test('where a file system keeps no time of birth, its own handle tells a file from a later one with its number', () => {
  const file = {
    ...{ inoLow: 12, inoHigh: 1, mode: 0o100644, rdev: 0, size: 0, mtime: 5, mtimeNanos: 6 },
    ...{ btime: 0, btimeNanos: 0, handle: new Uint8Array([1, 0, 0, 0, 12, 7]) },
  };
  const later = { ...file, handle: new Uint8Array([1, 0, 0, 0, 12, 8]) };
  const bare = { ...file, handle: new Uint8Array(0) };
  assert.equal(differenceOf(file, file, 'inode'), undefined);
  assert.match(
    differenceOf(later, file, 'inode')!,
    /^found inode 4294967308 with file handle 010000000c08, expected the one with 010000000c07$/,
  );
  assert.equal(differenceOf(bare, file, 'inode'), undefined);
  assert.equal(differenceOf(later, file, 'path'), undefined);
  // What the kernel says
  using folder = new Folder();
  using world = new SharedWorld(folder);
  folder.write('file');
  const inode = world.lookup('file');
  assert.ok(handleOf(inode.fd).length > 8);
});

test('another directory is refused, whatever is to be done about single files', () => {
  using folder = new Folder();
  using other = new Folder();
  using world = begin(folder).world;
  const saved = world.save();
  for (const onMismatch of ['refuse', 'guest-error'] as const)
    assert.throws(() => load(saved, other, { onMismatch }), {
      code: 'ERR_FS_MISMATCH',
      message: /^The shared directory is not what it was at the source: found inode \d+, expected inode \d+$/,
    });
});

describe('a copy of the folder', () => {
  /** A guest of a folder, and a copy of the folder on another file system. */
  function begun() {
    const stack = new DisposableStack();
    const folder = stack.use(new Folder());
    const copy = stack.use(new Folder('/dev/shm'));
    const guest = begin(folder);
    stack.use(guest.world);
    fs.symlinkSync('nowhere', folder.at('link'));
    execFileSync('mknod', [folder.at('tty'), 'c', '5', '1']);
    guest.world.lookup('link');
    guest.world.lookup('tty');
    execFileSync('cp', ['-a', `${folder.path}/.`, copy.path]);
    const saved = guest.world.save();
    return { stack, copy, saved, ...guest };
  }

  test('is refused where the same files are expected, and taken where a copy is', () => {
    const { stack, copy, saved, file } = begun();
    using _stack = stack;
    assert.throws(() => load(saved, copy), { code: 'ERR_FS_MISMATCH' });
    using loaded = load(saved, copy, { identity: 'copy' });
    assert.deepEqual(loaded.troubles, []);
    assert.equal(textIn(loaded.share.files.get(file.handle)!.fd), 'contents');
  });

  for (const [what, change, says] of [
    ['has another size', (file) => fs.appendFileSync(file, 'x'), /found 9 bytes, expected 8 bytes/],
    [
      'was changed at another time',
      (file) => fs.utimesSync(file, 1, 1_000_000_000),
      /found contents last changed at 2001-09-09T01:46:40\.000000000Z, expected last changed at 20/,
    ],
  ] as const satisfies readonly (readonly [string, (file: string) => void, RegExp])[])
    test(`is refused where one of its files ${what}, unless paths are all that counts`, () => {
      const { stack, copy, saved } = begun();
      using _stack = stack;
      change(join(copy.path, 'd/file'));
      assert.throws(() => load(saved, copy, { identity: 'copy' }), {
        code: 'ERR_FS_MISMATCH',
        message: says,
      });
      using loaded = load(saved, copy, { identity: 'path' });
      assert.deepEqual(loaded.troubles, []);
    });

  test('may have times of whole seconds', () => {
    const { stack, copy, saved } = begun();
    using _stack = stack;
    for (const name of ['d/file', 'd/other', 'plain']) {
      const seconds = Math.floor(fs.statSync(copy.at(name)).mtimeMs / 1000);
      fs.utimesSync(copy.at(name), seconds, seconds);
    }
    using loaded = load(saved, copy, { identity: 'copy' });
    assert.deepEqual(loaded.troubles, []);
  });

  test('is refused where a device node stands for another device', () => {
    const { stack, copy, saved } = begun();
    using _stack = stack;
    fs.rmSync(copy.at('tty'));
    execFileSync('mknod', [copy.at('tty'), 'c', '5', '2']);
    assert.throws(() => load(saved, copy, { identity: 'copy' }), {
      message: /"tty".*found device 0x502, expected device 0x501/,
    });
  });

  test('is refused where two of its files are one', () => {
    const { stack, copy, saved } = begun();
    using _stack = stack;
    fs.rmSync(copy.at('plain'));
    fs.linkSync(copy.at('d/file'), copy.at('plain'));
    assert.throws(() => load(saved, copy, { identity: 'path' }), {
      message: /"plain".*it is the same file as "d\/file"/,
    });
  });
});
