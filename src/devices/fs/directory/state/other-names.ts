import { closeFile, OpenMode, openBeneath } from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import { HOLD } from '../inode-table.ts';
import type { Share } from '../share.ts';
import { entriesOf } from './entries.ts';
import { MAX_SEARCHED_NAMES } from './limits.ts';
import { nameAddress, PATH_LENGTH } from './names.ts';

/** A name, and the directory that has it. */
export interface OtherName {
  readonly directory: HostInode;
  readonly name: string;
}

/**
 * Further names of files whose last known one is gone: a file with hard links has more than the device remembers. They are
 * looked for once, when the first such file is met: in the directories that the guest refers to, and then, for an open file
 * that was not among them, in all there are.
 */
export class OtherNames {
  readonly #share: Share;
  readonly #wanted = new Map<bigint, OtherName[]>();
  #paths: Map<bigint, string[]> | undefined;

  constructor(share: Share) {
    this.#share = share;
    for (const inode of share.inodes.values())
      if (inode.type !== FileType.directory) this.#wanted.set(numberOf(inode), []);
    let left = MAX_SEARCHED_NAMES;
    for (const directory of share.inodes.values())
      if (directory.type === FileType.directory && left > 0) left -= this.#search(directory, left);
  }

  /** Names, in directories that the guest refers to, of files with this inode number. */
  of(inode: HostInode): readonly OtherName[] {
    return this.#wanted.get(numberOf(inode)) ?? [];
  }

  /** Paths, from the root on, of files with this inode number that are open. */
  pathsOf(inode: HostInode): readonly string[] {
    this.#paths ??= this.#walk();
    return this.#paths.get(numberOf(inode)) ?? [];
  }

  #search(directory: HostInode, most: number): number {
    const fd = this.#share.inodes.descriptor(directory);
    if (fd < 0) return 0;
    let count = 0;
    for (const { ino, name } of entriesOf(fd)) {
      this.#wanted.get(ino)?.push({ directory, name });
      if (++count >= most) break;
    }
    return count;
  }

  #walk(): Map<bigint, string[]> {
    const { inodes, root } = this.#share;
    const paths = new Map<bigint, string[]>();
    for (const inode of inodes.values()) if (inode.opens > 0) paths.set(numberOf(inode), []);
    const waiting = ['.'];
    let left = MAX_SEARCHED_NAMES;
    for (let path = waiting.pop(); path !== undefined && left > 0; path = waiting.pop()) {
      const fd = openBeneath(inodes.descriptor(root), nameAddress(path), HOLD | OpenMode.directory);
      if (fd < 0) continue;
      for (const { ino, name, maybeDirectory } of entriesOf(fd)) {
        if (left-- <= 0) break;
        const below = path === '.' ? name : `${path}/${name}`;
        if (name === '.' || name === '..' || below.length > PATH_LENGTH) continue;
        if (maybeDirectory) waiting.push(below);
        paths.get(ino)?.push(below);
      }
      closeFile(fd);
    }
    return paths;
  }
}

function numberOf({ inoLow, inoHigh }: HostInode): bigint {
  return (BigInt(inoHigh) << 32n) | BigInt(inoLow);
}
