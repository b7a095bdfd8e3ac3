import { closeFile } from '../../../sys/index.ts';
import type { DescriptorBudget } from './budget.ts';
import type { HostInode } from './inode.ts';
import { EVICTION_STEPS } from './limits.ts';

/**
 * The inodes that are held by a descriptor which can be closed and opened again, and a hand that goes round among them in
 * search of those that were not used lately.
 */
export class HeldInodes {
  readonly #budget: DescriptorBudget;
  /** In no order; each knows its seat. */
  readonly #seated: HostInode[] = [];
  #hand = 0;

  constructor(budget: DescriptorBudget) {
    this.#budget = budget;
  }

  /** `inode` is held by `fd` from now on. */
  hold(inode: HostInode, fd: number): void {
    inode.fd = fd;
    inode.recent = true;
    inode.fileHandle = undefined;
    inode.seat = this.#seated.push(inode) - 1;
    this.#budget.used++;
  }

  /** Close the descriptor that `inode` is held by. */
  release(inode: HostInode): void {
    closeFile(inode.fd);
    inode.fd = -1;
    this.#budget.used--;
    if (inode.seat < 0) return;
    const last = this.#seated.pop()!;
    if (last !== inode) {
      this.#seated[inode.seat] = last;
      last.seat = inode.seat;
    }
    inode.seat = -1;
  }

  /**
   * Close descriptors of inodes that were not used lately and that `canClose` allows, as long as too many are open. Returns
   * how many were closed.
   */
  makeRoom(canClose: (inode: HostInode) => boolean): number {
    const { limit, soft } = this.#budget;
    const goal = Math.min(soft, limit - 1);
    let closed = 0;
    for (let steps = 0; this.#budget.used > goal && steps < EVICTION_STEPS; steps++) {
      if (this.#seated.length === 0) return closed;
      this.#hand = (this.#hand + 1) % this.#seated.length;
      const inode = this.#seated[this.#hand]!;
      if (inode.recent) inode.recent = false;
      else if (canClose(inode)) {
        this.release(inode);
        closed++;
      }
    }
    return closed;
  }
}
