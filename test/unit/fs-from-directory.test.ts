import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import koffi from 'koffi';
import { ContentStore } from '../../src/devices/fs/contents/store.ts';
import { fillFromDirectory } from '../../src/devices/fs/from-directory.ts';
import { limitsFor } from '../../src/devices/fs/limits.ts';
import { FileSystem } from '../../src/devices/fs/tree/file-system.ts';
import { FileType, type Inode } from '../../src/devices/fs/tree/inode.ts';
import { liveResources } from '../../src/sys/index.ts';
import { Guest } from './fs-guest.ts';
import { load, save, snapshot } from './fs-state-support.ts';

const MEMORY = 64 * 2 ** 20;
const held = liveResources().length;
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-from-'));
});
after(() => {
  rmSync(folder, { recursive: true });
  assert.equal(liveResources().length, held);
});

function empty(memory = MEMORY, limits = limitsFor(memory)): FileSystem {
  return FileSystem.create(new ContentStore(memory), limits);
}

function at(fileSystem: FileSystem, path: string): Inode {
  let inode = fileSystem.root;
  for (const name of path.split('/')) {
    const entry = inode.directory?.get(name);
    assert.ok(entry?.inode !== undefined, `${name} of ${path} is not there`);
    inode = entry.inode;
  }
  return inode;
}

function bytes({ content }: Inode): Uint8Array {
  const into = new Uint8Array(content!.size);
  let end = 0;
  content!.read(0, into.length, {
    write(source, offset, length) {
      into.set(source.subarray(offset, offset + length), end);
      end += length;
      return length;
    },
    fill(_byte, length) {
      end += length;
      return length;
    },
  });
  return into;
}

function place(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

test('files of every type are there with attributes, links and contents', async () => {
  const path = place('all');
  chmodSync(path, 0o1751);
  mkdirSync(join(path, 'sub'));
  const text = Buffer.from('hello'.repeat(100_000));
  writeFileSync(join(path, 'sub/file'), text, { mode: 0o640 });
  linkSync(join(path, 'sub/file'), join(path, 'other name'));
  symlinkSync('sub/\u00e9', join(path, 'link'));
  execFileSync('mkfifo', ['-m', '600', join(path, 'pipe')]);
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]), 'odd');
  writeFileSync(join(path, 'setuid'), '');
  if (process.getuid?.() === 0) {
    chownSync(join(path, 'setuid'), 12, 34);
    execFileSync('mknod', [join(path, 'null'), 'c', '1', '3']);
    execFileSync('mknod', [join(path, 'disk'), 'b', '259', '70000']);
  }
  chmodSync(join(path, 'setuid'), 0o4755);
  utimesSync(join(path, 'sub/file'), 0, 1_234_567_890.25);
  execFileSync('touch', ['-a', '-d', '1969-12-31 23:59:58.5 UTC', join(path, 'sub/file')]);
  const server = createServer().listen(join(path, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));

  using fileSystem = empty();
  const filled = fillFromDirectory(fileSystem, path);
  server.close();
  assert.equal(filled.files, fileSystem.inodes.size);
  assert.equal(fileSystem.root.mode, FileType.directory | 0o1751);
  assert.equal(fileSystem.root.nlink, 3);
  const file = at(fileSystem, 'sub/file');
  assert.equal(at(fileSystem, 'other name'), file);
  assert.equal(file.nlink, 2);
  assert.equal(file.mode, FileType.regular | 0o640);
  assert.deepEqual([file.atime, file.atimeNanos], [-2, 500_000_000]);
  assert.deepEqual([file.mtime, file.mtimeNanos], [1_234_567_890, 250_000_000]);
  assert.ok(Buffer.compare(bytes(file), text) === 0);
  assert.equal(Buffer.from(at(fileSystem, 'link').target!).toString(), 'sub/\u00e9');
  assert.equal(at(fileSystem, 'pipe').mode, FileType.fifo | 0o600);
  assert.equal(at(fileSystem, 'socket').type, FileType.socket);
  assert.equal(Buffer.from(bytes(at(fileSystem, '\xff\xfe'))).toString(), 'odd');
  assert.equal(at(fileSystem, 'setuid').mode, FileType.regular | 0o4755);
  if (process.getuid?.() === 0) {
    assert.deepEqual([at(fileSystem, 'setuid').uid, at(fileSystem, 'setuid').gid], [12, 34]);
    assert.equal(at(fileSystem, 'null').rdev, 0x103);
    assert.equal(at(fileSystem, 'null').type, FileType.character);
    const disk = at(fileSystem, 'disk');
    assert.equal((disk.rdev >> 8) & 0xfff, 259);
    assert.equal((disk.rdev & 0xff) | ((disk.rdev >>> 12) & 0xfff00), 70000);
  }
  using loaded = load(save({ fileSystem }));
  assert.deepEqual(snapshot(loaded), snapshot({ fileSystem }));
});

test('holes stay holes', () => {
  const path = place('holes');
  const fd = openSync(join(path, 'sparse'), 'w');
  writeSync(fd, 'end', 2 ** 30);
  ftruncateSync(fd, 2 ** 40);
  closeSync(fd);
  writeFileSync(join(path, 'empty'), '');
  const trailing = openSync(join(path, 'only a hole'), 'w');
  ftruncateSync(trailing, 12345);
  closeSync(trailing);
  using fileSystem = empty();
  const filled = fillFromDirectory(fileSystem, path);
  assert.equal(filled.bytes, 4096);
  const { content } = at(fileSystem, 'sparse');
  assert.equal(content!.size, 2 ** 40);
  assert.equal(content!.seekData(0), 2 ** 30);
  assert.equal(at(fileSystem, 'only a hole').content!.size, 12345);
  assert.equal(at(fileSystem, 'empty').content!.size, 0);
});

test('extended attributes are taken over where the file system has them', (context) => {
  const path = place('xattrs');
  const file = join(path, 'file');
  writeFileSync(file, 'x');
  const value = Uint8Array.from([0, 255, 7]);
  const setxattr = koffi
    .load('libc.so.6')
    .func('int setxattr(str path, str name, void *value, size_t n, int flags)');
  const done = setxattr(file, 'user.colour', value, value.length, 0) === 0;
  if (!done) context.diagnostic(`${folder} has no extended attributes`);
  using fileSystem = empty();
  fillFromDirectory(fileSystem, path);
  assert.deepEqual(at(fileSystem, 'file').xattrs, done ? new Map([['user.colour', value]]) : undefined);
});

test('what has no room is named', () => {
  const path = place('room');
  writeFileSync(join(path, 'a'), Buffer.alloc(100_000, 1));
  writeFileSync(join(path, 'b'), Buffer.alloc(100_000, 1));
  using small = empty(131_072);
  assert.throws(() => fillFromDirectory(small, path), {
    code: 'ERR_FS_FROM_ROOM',
    message: /room\/b: ENOSPC/,
  });
  using few = empty(MEMORY, { inodes: 2, xattrBytes: 100 });
  assert.throws(() => fillFromDirectory(few, path), {
    code: 'ERR_FS_FROM_ROOM',
    message: /room\/b: the limit of 2 files/,
  });
});

test('what cannot be read is named', () => {
  using fileSystem = empty();
  assert.throws(() => fillFromDirectory(fileSystem, join(folder, 'missing')), {
    code: 'ERR_FS_FROM',
    message: /missing: ENOENT/,
  });
  const file = join(folder, 'a file');
  writeFileSync(file, '');
  assert.throws(() => fillFromDirectory(fileSystem, file), {
    code: 'ERR_FS_FROM',
    message: /a file: ENOTDIR/,
  });
  assert.ok(lstatSync(file).isFile());
});

test('a guest sees what its device was filled from, and a device that cannot be filled keeps nothing', () => {
  const path = place('served');
  writeFileSync(join(path, 'file'), 'hello');
  {
    using guest = Guest.mounted({ from: path });
    const { node } = guest.client.lookup(1, 'file');
    const handle = guest.client.open(node, 0);
    assert.equal(Buffer.from(guest.client.read(node, handle, 0, 100)).toString(), 'hello');
  }
  const before = liveResources().length;
  assert.throws(() => new Guest({ from: join(folder, 'missing') }), { code: 'ERR_FS_FROM' });
  assert.equal(liveResources().length, before);
});
