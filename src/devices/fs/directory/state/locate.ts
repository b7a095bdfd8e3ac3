import { readlinkSync } from 'node:fs';
import { asError } from '../../../../errors.ts';
import { closeFile, fileStatus, openBeneath, statusAt, statusOf } from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import { HOLD } from '../inode-table.ts';
import type { Share } from '../share.ts';
import { nameAddress, PATH_LENGTH } from './names.ts';
import { OtherNames } from './other-names.ts';
import { Place } from './sections.ts';

const SLASH = 0x2f;

/**
 * Finds out, for one inode after the other, where the file is now: others may have renamed or removed it. Whatever is
 * found is looked at before it is believed.
 */
export class Locator {
  /** Where the inode is that was looked for last. */
  place: Place = Place.root;
  /** The directory that it is in, where `place` is `child`. */
  directory: HostInode | undefined = undefined;
  /** Its name in `directory`, or its path beneath the root; one character per byte. */
  name = '';
  /** Whether `fileStatus` describes it. */
  described = false;
  readonly #share: Share;
  readonly #found = new Set<HostInode>();
  #otherNames: OtherNames | undefined;

  constructor(share: Share) {
    this.#share = share;
  }

  /** Look for an inode. The directory that it is in must have been looked for before. */
  find(inode: HostInode): void {
    this.directory = undefined;
    this.name = '';
    this.described = false;
    this.place = this.#find(inode);
    if (this.place === Place.root || this.place === Place.child || this.place === Place.path)
      this.#found.add(inode);
  }

  #find(inode: HostInode): Place {
    const { root, inodes } = this.#share;
    if (inode.lost) return this.#missing(inode, Place.gone);
    if (inode !== root && inode.parent !== undefined && this.#isIn(inode.parent, inode.name, inode))
      return Place.child;
    const fd = inodes.descriptor(inode);
    if (fd >= 0 && statusOf(fd) === 0) {
      this.described = true;
      if (inode === root) return Place.root;
      const inUse = inode.opens > 0;
      if (fileStatus.nlink === 0)
        return this.#missing(inode, inUse || inode.removed ? Place.carried : Place.gone);
      if (this.#hasPath(inode, fd)) return Place.path;
      this.#otherNames ??= new OtherNames(this.#share);
      for (const { directory, name } of this.#otherNames.of(inode))
        if (this.#isIn(directory, name, inode)) return Place.child;
      if (inUse)
        for (const path of this.#otherNames.pathsOf(inode)) if (this.#isAt(path, inode)) return Place.path;
      this.described = statusOf(fd) === 0;
    }
    return this.#missing(inode, inode.opens > 0 ? Place.lost : Place.gone);
  }

  #isIn(directory: HostInode, name: string, inode: HostInode): boolean {
    if (!this.#found.has(directory)) return false;
    const dir = this.#share.inodes.descriptor(directory);
    if (dir < 0 || statusAt(dir, nameAddress(name)) < 0 || !inode.isDescribed) return false;
    this.directory = directory;
    this.name = name;
    this.described = true;
    return true;
  }

  /** Ask the kernel by which path it knows the open file, and look there, from the root on. */
  #hasPath(inode: HostInode, fd: number): boolean {
    const root = linkTarget(this.#share.inodes.descriptor(this.#share.root));
    const path = linkTarget(fd);
    if (root === undefined || path === undefined) return false;
    const length = root.length === 1 ? 0 : root.length;
    if (path[length] !== SLASH || !path.subarray(0, length).equals(root.subarray(0, length))) return false;
    return this.#isAt(path.toString('latin1', length + 1), inode);
  }

  #isAt(path: string, inode: HostInode): boolean {
    const { inodes, root } = this.#share;
    const found = openBeneath(inodes.descriptor(root), nameAddress(path), HOLD);
    if (found < 0) return false;
    const same = statusOf(found) === 0 && inode.isDescribed;
    closeFile(found);
    if (same) this.name = path;
    return same;
  }

  #missing(inode: HostInode, place: Place): Place {
    this.name = knownPath(inode).slice(-PATH_LENGTH);
    return place;
  }
}

/** By which path the kernel knows what `fd` is open on; undefined where it is too long to be told. */
function linkTarget(fd: number): Buffer | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
  } catch (error) {
    if ((asError(error) as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

/** Components of a path that is shown. */
const MOST_SHOWN = 64;

/** Where an inode was seen last, from the root on, for messages. */
export function knownPath(inode: HostInode): string {
  const names: string[] = [];
  for (
    let at: HostInode | undefined = inode;
    at !== undefined && at.name !== '' && names.length < MOST_SHOWN;
    at = at.parent
  )
    names.push(at.name);
  return names.reverse().join('/');
}

/** All inodes: directories before anything else, and each after the directory that it was seen in last. */
export function* parentsFirst(inodes: () => Iterable<HostInode>): Generator<HostInode> {
  const done = new Set<HostInode>();
  const line: HostInode[] = [];
  for (const directories of [true, false])
    for (const inode of inodes()) {
      if ((inode.type === FileType.directory) !== directories) continue;
      for (let at: HostInode | undefined = inode; at !== undefined && !done.has(at); at = at.parent) {
        done.add(at);
        line.push(at);
      }
      for (let next = line.pop(); next !== undefined; next = line.pop()) yield next;
    }
}
