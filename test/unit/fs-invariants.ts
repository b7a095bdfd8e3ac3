import assert from 'node:assert/strict';
import type { FileSystem } from '../../src/devices/fs/tree/file-system.ts';
import type { Inode } from '../../src/devices/fs/tree/inode.ts';

/** Assert that all that a file system counts and points to agrees with itself. */
export function checkInvariants(fileSystem: FileSystem): void {
  const { inodes, files, directories, contents, limits } = fileSystem;
  const names = new Map<Inode, number>();
  const opens = new Map<Inode, number>();
  for (const { inode } of [...files.values(), ...directories.values()])
    opens.set(inode, (opens.get(inode) ?? 0) + 1);
  let pages = 0;
  let further = 0;
  let xattrBytes = 0;
  for (const [ino, inode] of inodes) {
    assert.equal(inode.ino, ino);
    assert.ok(ino < fileSystem.nextIno);
    pages += inode.content?.pages ?? 0;
    for (const [name, value] of inode.xattrs ?? []) xattrBytes += name.length + value.length;
    if (inode.directory !== undefined) checkDirectory(fileSystem, inode, names);
  }
  for (const inode of inodes.values()) {
    const named = names.get(inode) ?? 0;
    if (inode.directory === undefined) {
      assert.equal(inode.nlink, named, `links of ${inode.ino}`);
      further += Math.max(0, named - 1);
    } else if (inode !== fileSystem.root) assert.equal(inode.nlink > 0, named === 1, `name of ${inode.ino}`);
    assert.equal(inode.opens, opens.get(inode) ?? 0, `handles of ${inode.ino}`);
    assert.ok(!inode.unreferenced, `inode ${inode.ino} is left over`);
  }
  assert.equal(fileSystem.usedInodes, inodes.size + further);
  assert.ok(fileSystem.usedInodes <= limits.inodes);
  assert.equal(fileSystem.xattrBytes, xattrBytes);
  assert.equal(contents.totalPages - contents.freePages, pages, 'pages in use');
}

function checkDirectory({ inodes }: FileSystem, inode: Inode, names: Map<Inode, number>): void {
  const directory = inode.directory!;
  let last = 2;
  let folders = 0;
  let size = 0;
  for (const [entry, child] of directory.entries()) {
    assert.ok(entry.cookie > last && entry.cookie < directory.nextCookie);
    last = entry.cookie;
    size++;
    assert.equal(directory.get(entry.name), entry);
    assert.equal(inodes.get(child.ino), child);
    names.set(child, (names.get(child) ?? 0) + 1);
    if (child.directory === undefined) continue;
    folders++;
    assert.equal(child.directory.parent, inode, `parent of ${child.ino}`);
  }
  assert.equal(directory.size, size);
  if (inode.nlink > 0) assert.equal(inode.nlink, 2 + folders, `links of directory ${inode.ino}`);
  else assert.equal(size, 0, `names in removed directory ${inode.ino}`);
}
