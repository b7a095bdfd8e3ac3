/** A shared directory and what a guest refers to in it, without a guest: inodes, handles and locks are made directly. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescriptorBudget } from '../../src/devices/fs/directory/budget.ts';
import { cachePolicies } from '../../src/devices/fs/directory/cache.ts';
import type { HostDirectory, HostFile } from '../../src/devices/fs/directory/handles.ts';
import type { HostInode } from '../../src/devices/fs/directory/inode.ts';
import { HOLD } from '../../src/devices/fs/directory/inode-table.ts';
import { Share } from '../../src/devices/fs/directory/share.ts';
import { loadShare } from '../../src/devices/fs/directory/state/load.ts';
import type { LoadedShare, ShareDestination } from '../../src/devices/fs/directory/state/loaded-share.ts';
import { nameAddress } from '../../src/devices/fs/directory/state/names.ts';
import { saveShare } from '../../src/devices/fs/directory/state/save.ts';
import {
  errnoName,
  fileScratch,
  OpenMode,
  openBeneath,
  reopen,
  statusOf,
  ThreadCredentials,
  writeAttribute,
} from '../../src/sys/index.ts';
import { destination, Recorder, readerOf, type Saved } from './fs-state-support.ts';

/** A folder of its own on a file system with birth times, file handles and O_TMPFILE; removed at the end. */
export class Folder implements Disposable {
  readonly path: string;

  constructor(place = tmpdir()) {
    this.path = fs.mkdtempSync(join(place, 'ferry-share-'));
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  write(name: string, contents: string | Uint8Array = ''): void {
    fs.writeFileSync(this.at(name), contents);
  }

  mkdir(name: string): void {
    fs.mkdirSync(this.at(name));
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}

function openShare({ path }: { readonly path: string }, descriptors: number): Share {
  const budget = new DescriptorBudget(descriptors);
  return Share.open({ path, budget, credentials: new ThreadCredentials(), cache: cachePolicies.auto });
}

/** What a guest refers to of a folder. */
export class SharedWorld implements Disposable {
  readonly share: Share;

  constructor(folder: Folder, descriptors = 4096) {
    this.share = openShare(folder, descriptors);
    this.share.session = { minor: 40, flags: 0x1_0000_0403n, maxReadahead: 131_072, maxWrite: 2 ** 20 };
  }

  /** LOOKUP of each name of a path, the last one of which is returned. */
  lookup(path: string): HostInode {
    let inode = this.share.root;
    for (const name of path.split('/')) inode = this.#step(inode, name);
    return inode;
  }

  #step(directory: HostInode, name: string): HostInode {
    const { inodes } = this.share;
    const fd = openBeneath(
      inodes.descriptor(directory),
      nameAddress(Buffer.from(name).toString('latin1')),
      HOLD,
    );
    if (fd < 0) throw new Error(`${name}: ${fd}`);
    statusOf(fd);
    const found = inodes.find();
    if (found !== undefined) fs.closeSync(fd);
    const inode = found ?? inodes.add(fd);
    inode.lookups++;
    inodes.placeByName(inode, directory, Buffer.from(name).toString('latin1'));
    return inode;
  }

  open(inode: HostInode, flags = 2): HostFile {
    return this.share.openFile(inode, flags, reopen(this.share.inodes.descriptor(inode), flags));
  }

  opendir(inode: HostInode): HostDirectory {
    const fd = reopen(this.share.inodes.descriptor(inode), OpenMode.readOnly | OpenMode.directory);
    return this.share.openDirectory(inode, 0, fd);
  }

  /** UNLINK or RMDIR of the name that an inode is known by. */
  remove(folder: Folder, path: string): void {
    const inode = this.lookup(path);
    inode.lookups--;
    fs.rmSync(folder.at(path), { recursive: true });
    this.share.inodes.displace(inode);
    inode.removed = true;
  }

  save(): Saved[] {
    return save(this);
  }

  [Symbol.dispose](): void {
    this.share[Symbol.dispose]();
  }
}

export function save({ share }: { share: Share }): Saved[] {
  const recorder = new Recorder();
  saveShare(share, recorder);
  return recorder.saved;
}

export type LoadOptions = Partial<Omit<ShareDestination, 'share'>> & { readonly descriptors?: number };

/** Load into a device that was started for `folder` and has seen no guest; the device itself ends here. */
export function load(
  saved: readonly Saved[],
  folder: { readonly path: string },
  options: LoadOptions = {},
): LoadedShare {
  const { descriptors = 4096, ...change } = options;
  using live = openShare(folder, descriptors);
  return loadShare(readerOf(saved), {
    share: live,
    init: destination().init,
    identity: 'inode',
    onMismatch: 'refuse',
    ...change,
  });
}

/** Set an extended attribute of an open file. */
export function setAttribute(fd: number, name: string, value: Uint8Array): void {
  fileScratch.name.bytes.set(Buffer.from(`${name}\0`));
  fileScratch.buffer.bytes.set(value);
  const result = writeAttribute(fd, fileScratch.name.address, fileScratch.buffer.address, value.length, 0);
  if (result < 0) throw new Error(`${name}: ${errnoName(-result)}`);
}

/** The descriptors of this process. */
export function descriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

/** The text in an open file. */
export function textIn(fd: number, length = 65_536): string {
  const area = Buffer.alloc(length);
  return area.toString('latin1', 0, fs.readSync(fd, area, 0, length, 0));
}

/**
 * One of everything that a guest can refer to in a folder, which is filled for it. Node ids go into `nodes` by name. The
 * handles are, in their order: a deleted file, a file, the directory `d`, which is read up to somewhere.
 */
export function everythingShared(folder: Folder, nodes: Record<string, number>): SharedWorld {
  folder.mkdir('d');
  folder.mkdir('d/e');
  for (const name of ['d/file', 'd/e/deep', 'moved', 'deleted', 'gone'])
    folder.write(name, `text of ${name}`);
  const world = new SharedWorld(folder);
  const { share } = world;
  for (const path of ['d', 'd/e', 'd/file', 'd/e/deep', 'moved', 'gone'])
    nodes[path.split('/').at(-1)!] = world.lookup(path).node;
  const deleted = world.lookup('deleted');
  nodes.deleted = deleted.node;
  setAttribute(deleted.fd, 'user.colour', new Uint8Array([1, 2]));
  world.open(deleted);
  world.remove(folder, 'deleted');
  fs.rmSync(folder.at('gone'));
  fs.renameSync(folder.at('moved'), folder.at('d/e/here'));
  const file = world.lookup('d/file');
  world.open(file).lockOwners = new Set([5n]);
  const directory = world.opendir(world.lookup('d'));
  directory.positionLow = 1000;
  share.locks.setRecord(file.node, { owner: 5n, start: 0n, end: 9n, type: 1, pid: 7 });
  share.locks.setFile(deleted.node, { owner: 6n, type: 0 });
  return world;
}

/** Where the inode with this node id begins in the payload of the only `inodes` record. */
export function inodeAt(view: DataView, node: number): number {
  for (let at = 0; at < view.byteLength; at = behindInode(view, at))
    if (view.getUint32(at, true) === node) return at;
  throw new Error(`No node ${node}`);
}

/** Where the inode that begins at `at` ends. */
export function behindInode(view: DataView, at: number): number {
  const length = at + 93 + view.getUint8(at + 92);
  return length + 4 + view.getUint32(length, true);
}
