import {
  closeFile,
  Errno,
  fileScratch,
  fileStatus,
  OpenMode,
  openBeneath,
  openFileHandle,
  reopen,
  statusAt,
  statusOf,
  takeFileHandle,
} from '../../../sys/index.ts';
import { FileType } from '../tree/inode.ts';
import { equalsBytes, nameFromBytes, nameToBytes } from '../tree/name.ts';
import type { DescriptorBudget } from './budget.ts';
import { HeldInodes } from './held.ts';
import { type HostIdentity, HostInode } from './inode.ts';
import { MAX_NODES } from './limits.ts';

/** How an inode is held: not opened, merely pointed at; of a symbolic link itself, not what it leads to. */
export const HOLD = OpenMode.path | OpenMode.noFollow;

/** The node id of the root directory. */
const ROOT_NODE = 1;

/** Where an inode falls in the table of host identities. */
function placeOf({ dev, inoLow, inoHigh }: HostIdentity): number {
  return (inoLow ^ Math.imul(inoHigh, 0x9e3779b1) ^ Math.imul(dev, 0x85ebca6b)) & 0x3fffffff;
}

/**
 * The files of the host that the guest refers to, each held by a descriptor that only points at it. When there are too
 * many, descriptors of those that were not used lately are closed, and opened again where the file was seen last, or by
 * the file system's own handle: what is found there is taken only if it is the same file.
 */
export class InodeTable implements Disposable {
  readonly root: HostInode;
  /** The node id that the next inode gets. */
  nextNode = ROOT_NODE;
  /** The generation of inodes that are added from now on. */
  generation = 1;
  readonly #budget: DescriptorBudget;
  /** A descriptor of the root that can be read from; it says where file handles are from. */
  readonly #mount: number;
  /** Whether files can be opened by file handle. */
  readonly #privileged: boolean;
  readonly #byNode = new Map<number, HostInode>();
  readonly #byHost = new Map<number, HostInode>();
  readonly #held: HeldInodes;
  #closed = 0;

  /** `rootFd` points at the shared directory, and belongs to the table from now on; `mount` is the same, to read from. */
  constructor(rootFd: number, mount: number, budget: DescriptorBudget, privileged: boolean) {
    this.#budget = budget;
    this.#held = new HeldInodes(budget);
    this.#mount = mount;
    this.#privileged = privileged;
    statusOf(rootFd);
    this.root = new HostInode(this.nextNode++, this.generation);
    this.root.fd = rootFd;
    budget.used++;
    this.#enter(this.root);
  }

  get size(): number {
    return this.#byNode.size;
  }

  /** Inodes whose descriptors were closed to make room. */
  get closed(): number {
    return this.#closed;
  }

  get(node: number): HostInode | undefined {
    return this.#byNode.get(node);
  }

  values(): IterableIterator<HostInode> {
    return this.#byNode.values();
  }

  /** The inode of the file that `identity` names: what `fileStatus` describes, unless it is said. */
  find(identity: HostIdentity = fileStatus): HostInode | undefined {
    let inode = this.#byHost.get(placeOf(identity));
    while (inode !== undefined && !inode.is(identity)) inode = inode.next;
    return inode;
  }

  /**
   * The descriptor that `inode` is held by, opened again if it was closed; or a negative errno. It stays good until the
   * request ends.
   */
  descriptor(inode: HostInode): number {
    inode.recent = true;
    return inode.fd >= 0 ? inode.fd : this.#openAgain(inode);
  }

  /** A descriptor to ask about `inode` by, or a negative errno: the one that it is held by, or one that it is open by. */
  anyDescriptor(inode: HostInode): number {
    return inode.fd < 0 && inode.opened !== undefined ? inode.opened.fd : this.descriptor(inode);
  }

  /** Whether one more file can be taken in. */
  get hasRoom(): boolean {
    return this.#budget.hasRoom && this.#byNode.size < MAX_NODES;
  }

  /**
   * Take in the file that `fileStatus` describes and `fd` points at, which is the table's from now on; -1 where it is open
   * by a handle.
   */
  add(fd: number): HostInode {
    const inode = new HostInode(this.nextNode++, this.generation);
    if (fd >= 0) this.#held.hold(inode, fd);
    this.#enter(inode);
    return inode;
  }

  /** Take in an inode that was made elsewhere, and the descriptor that points at it; -1 where there is none yet. */
  restore(inode: HostInode, fd: number): void {
    if (fd >= 0) this.#held.hold(inode, fd);
    this.#enter(inode);
  }

  /** Remember that `inode` was seen in `parent`, under the name of `length` bytes from `start`. */
  place(inode: HostInode, parent: HostInode, bytes: Uint8Array, start: number, length: number): void {
    if (inode.parent === parent && equalsBytes(inode.name, bytes, start, length)) return;
    this.placeByName(inode, parent, nameFromBytes(bytes, start, length));
  }

  /** As `place`, by a name with one character per byte. */
  placeByName(inode: HostInode, parent: HostInode, name: string): void {
    if (inode === this.root) return;
    if (inode.parent !== parent) {
      if (inode.type === FileType.directory) this.#cutCycle(inode, parent);
      this.displace(inode);
      inode.parent = parent;
      parent.children++;
    }
    inode.name = name;
    inode.removed = false;
  }

  /** The directory that `inode` was seen in last, if it is there still. */
  parentOf(inode: HostInode): HostInode | undefined {
    const { parent } = inode;
    const dir = parent === undefined ? -1 : this.descriptor(parent);
    return dir >= 0 && statusAt(dir, nameAddress(inode)) === 0 && inode.isDescribed ? parent : undefined;
  }

  /** Forget where `inode` was seen. */
  displace(inode: HostInode): void {
    const { parent } = inode;
    if (parent === undefined) return;
    inode.parent = undefined;
    inode.name = '';
    parent.children--;
    this.forgetUnreferenced(parent);
  }

  /** Drop an inode that nothing refers to any more, and close its descriptor. */
  forgetUnreferenced(inode: HostInode): void {
    if (!inode.unreferenced || inode === this.root) return;
    if (!this.#byNode.delete(inode.node)) return;
    this.#leave(inode);
    if (inode.fd < 0) this.#closed--;
    else this.#held.release(inode);
    this.displace(inode);
  }

  /** Close descriptors of inodes that were not used lately, if too many are open. Called between requests. */
  makeRoom(): void {
    if (!this.#budget.isTight) return;
    this.#closed += this.#held.makeRoom((inode) => this.#canBeFoundAgain(inode));
  }

  [Symbol.dispose](): void {
    for (const inode of this.#byNode.values()) if (inode.fd >= 0) this.#held.release(inode);
    this.#byNode.clear();
    this.#byHost.clear();
  }

  /** Nothing below `inode` can be where `inode` lies: what was remembered so before is not true any more. */
  #cutCycle(inode: HostInode, parent: HostInode): void {
    let at: HostInode | undefined = parent;
    while (at !== undefined && at.parent !== inode) at = at.parent;
    if (at !== undefined) this.displace(at);
  }

  #enter(inode: HostInode): void {
    const place = placeOf(inode);
    inode.next = this.#byHost.get(place);
    this.#byHost.set(place, inode);
    this.#byNode.set(inode.node, inode);
    if (inode.fd < 0) this.#closed++;
  }

  #leave(inode: HostInode): void {
    const place = placeOf(inode);
    const head = this.#byHost.get(place);
    if (head === inode) {
      if (inode.next === undefined) this.#byHost.delete(place);
      else this.#byHost.set(place, inode.next);
    } else {
      let before = head;
      while (before !== undefined && before.next !== inode) before = before.next;
      if (before !== undefined) before.next = inode.next;
    }
    inode.next = undefined;
  }

  /** Whether the inode's file could be opened again; takes its file handle, if that can be used. */
  #canBeFoundAgain(inode: HostInode): boolean {
    if (statusOf(inode.fd) < 0 || fileStatus.nlink === 0) return false;
    if (this.#privileged && inode.dev === this.root.dev) {
      const length = takeFileHandle(inode.fd);
      if (length > 0) {
        inode.fileHandle = fileScratch.handle.bytes.slice(0, length);
        return true;
      }
    }
    const { parent } = inode;
    if (parent === undefined || parent.fd < 0) return false;
    return statusAt(parent.fd, nameAddress(inode)) === 0 && inode.isDescribed;
  }

  #openAgain(inode: HostInode): number {
    if (inode.lost) return -Errno.ESTALE;
    if (!this.#budget.hasRoom) return -Errno.ENFILE;
    let fd = inode.opened === undefined ? -1 : reopen(inode.opened.fd, OpenMode.path);
    if (fd < 0) fd = this.#openByName(inode);
    if (fd < 0 && inode.fileHandle !== undefined) fd = this.#openByHandle(inode, inode.fileHandle);
    if (fd < 0) return fd === -Errno.ENFILE ? fd : -Errno.ESTALE;
    this.#held.hold(inode, fd);
    this.#closed--;
    return fd;
  }

  #openByName(inode: HostInode): number {
    if (inode.parent === undefined) return -Errno.ESTALE;
    const dir = this.descriptor(inode.parent);
    if (dir < 0) return dir;
    return this.#same(inode, openBeneath(dir, nameAddress(inode), HOLD));
  }

  #openByHandle(inode: HostInode, fileHandle: Uint8Array): number {
    fileScratch.handle.bytes.set(fileHandle);
    return this.#same(inode, openFileHandle(this.#mount, HOLD));
  }

  /** `fd` if it points at the file of `inode`; else it is closed. */
  #same(inode: HostInode, fd: number): number {
    if (fd < 0) return fd;
    if (statusOf(fd) === 0 && inode.isDescribed) return fd;
    closeFile(fd);
    return -Errno.ESTALE;
  }
}

/** The address of the name that `inode` was seen under last. */
function nameAddress({ name }: HostInode): number {
  const { bytes, address } = fileScratch.name;
  nameToBytes(name, bytes, 0);
  bytes[name.length] = 0;
  return address;
}
