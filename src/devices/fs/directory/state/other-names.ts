import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { entriesOf } from './entries.ts';
import { MAX_SEARCHED_NAMES } from './limits.ts';

/** A name, and the directory that has it. */
export interface OtherName {
  readonly directory: HostInode;
  readonly name: string;
}

/**
 * Further names of files whose last known one is gone: a file with hard links has more than the device remembers. They are
 * looked for in the directories that the guest refers to, once, when the first such file is met.
 */
export class OtherNames {
  readonly #share: Share;
  readonly #wanted = new Map<bigint, OtherName[]>();

  constructor(share: Share) {
    this.#share = share;
    for (const inode of share.inodes.values())
      if (inode.opens > 0 && inode.type !== FileType.directory) this.#wanted.set(numberOf(inode), []);
    let left = MAX_SEARCHED_NAMES;
    for (const directory of share.inodes.values())
      if (directory.type === FileType.directory && left > 0) left -= this.#search(directory, left);
  }

  /** Names under which a file with this inode number was seen. */
  of(inode: HostInode): readonly OtherName[] {
    return this.#wanted.get(numberOf(inode)) ?? [];
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
}

function numberOf({ inoLow, inoHigh }: HostInode): bigint {
  return (BigInt(inoHigh) << 32n) | BigInt(inoLow);
}
