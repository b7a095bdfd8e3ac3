import { getegid, geteuid } from 'node:process';
import { check, Errno } from './errno.ts';
import { fileScratch } from './file-scratch.ts';
import { declare, errno } from './libc.ts';

/*
 * The C library's setresuid(3) and its like change all threads of a process; the system calls themselves change the
 * calling thread alone, which is what is wanted here.
 */
const syscall = declare<[number, number, number, number]>(
  'int syscall(int64_t number, uintptr_t a, uintptr_t b, uintptr_t c)',
);
const unshare = declare<[number]>('int unshare(int flags)');
const umask = declare<[number]>('uint32_t umask(uint32_t mask)');
const getrlimit = declare<[number, number]>('int getrlimit(int resource, uintptr_t into)');
const setrlimit = declare<[number, number]>('int setrlimit(int resource, uintptr_t from)');

const CLONE_FS = 0x200;
const RLIMIT_NOFILE = 7;
/** What setresuid(2) leaves as it is. */
const KEEP = 0xffffffff;

const numbers =
  process.arch === 'arm64'
    ? { setresuid: 147, setresgid: 149, setgroups: 159, capget: 90, capset: 91 }
    : { setresuid: 117, setresgid: 119, setgroups: 116, capget: 125, capset: 126 };

/** Capabilities, by bit. */
export const Capability = {
  chown: 1 << 0,
  overridePermissions: 1 << 1,
  readAnything: 1 << 2,
  keepSetIds: 1 << 4,
  setGid: 1 << 6,
  setUid: 1 << 7,
  makeDevices: 1 << 27,
} as const;

/**
 * Keep this thread's mask of modes, which files are made with, apart from the process's, and clear it. Returns false where
 * the system forbids that, as containers do: the process's mask is in force then.
 */
export function ownFileMask(): boolean {
  if (unshare(CLONE_FS) < 0) return false;
  umask(0);
  return true;
}

/** Let the process have as many descriptors as it may. Returns how many. */
export function raiseDescriptorLimit(): number {
  const { words, address } = fileScratch.times;
  check(getrlimit(RLIMIT_NOFILE, address), 'getrlimit', 'descriptors');
  words[0] = words[2]!;
  words[1] = words[3]!;
  check(setrlimit(RLIMIT_NOFILE, address), 'setrlimit', 'descriptors');
  return words[0]! + words[1]! * 2 ** 32;
}

/** struct __user_cap_header_struct, then two of struct __user_cap_data_struct: effective, permitted, inheritable. */
const VERSION_3 = 0x20080522;
const header = fileScratch.capabilities.words;
const data = header.subarray(2);
const headerAddress = fileScratch.capabilities.address;
const dataAddress = headerAddress + 8;

function readCapabilities(): void {
  header[0] = VERSION_3;
  header[1] = 0;
  check(syscall(numbers.capget, headerAddress, dataAddress, 0), 'capget');
}

/**
 * On whose behalf this thread works. A process that may act as anyone makes files as the guest's user who asked for them:
 * then the host's kernel gives them owner, group and setgid as it would for that user.
 */
export class ThreadCredentials {
  /** Whether this thread can act as others. If not, everything belongs to the process's own user. */
  readonly canActAsOthers: boolean;
  /** Whether files can be opened by file handle. */
  readonly canOpenHandles: boolean;
  readonly #gid = getegid?.() ?? 0;
  readonly #effective: number;
  readonly #effectiveHigh: number;
  readonly #permittedHigh: number;
  readonly #permitted: number;
  readonly #inheritable: number;
  readonly #inheritableHigh: number;
  #keepsSetIds: boolean;

  /** Look at what the calling thread may do, and drop its supplementary groups: they are nobody's of the guest. */
  constructor() {
    readCapabilities();
    this.#permitted = data[1]!;
    // Another device on this thread may have put it aside.
    this.#effective = (data[0]! | (this.#permitted & Capability.keepSetIds)) >>> 0;
    this.#inheritable = data[2]!;
    this.#effectiveHigh = data[3]!;
    this.#permittedHigh = data[4]!;
    this.#inheritableHigh = data[5]!;
    const needed = Capability.setUid | Capability.setGid | Capability.chown | Capability.overridePermissions;
    this.canActAsOthers = geteuid?.() === 0 && (this.#effective & needed) === needed;
    this.canOpenHandles = (this.#effective & Capability.readAnything) !== 0;
    this.#keepsSetIds = (data[0]! & Capability.keepSetIds) !== 0;
    if (this.canActAsOthers) this.#setGroups(0);
  }

  /**
   * Go on as `uid` and `gid`, with `group` as supplementary group unless it is undefined, until `restore`. Of root's
   * powers those stay that the guest's kernel has judged already: to write into any directory, to make device nodes.
   * Returns 0 or a negative errno, and nothing has changed then.
   */
  become(uid: number, gid: number, group: number | undefined): number {
    if (!this.canActAsOthers) return 0;
    if (group !== undefined) this.#setGroups(1, group);
    let result = gid === this.#gid ? 0 : syscall(numbers.setresgid, KEEP, gid, KEEP);
    if (result === 0 && uid !== 0) {
      result = syscall(numbers.setresuid, KEEP, uid, KEEP);
      if (result === 0)
        this.#setEffective(this.#permitted & (Capability.overridePermissions | Capability.makeDevices), 0);
    }
    if (result === 0) return 0;
    const error = -errno();
    this.restore(uid, gid, group);
    return error;
  }

  /** Be oneself again after `become`. Throws where that fails: nothing may be done as somebody else by mistake. */
  restore(uid: number, gid: number, group: number | undefined): void {
    if (!this.canActAsOthers) return;
    if (uid !== 0) {
      check(syscall(numbers.setresuid, KEEP, 0, KEEP), 'setresuid', 'back to root');
      // The kernel has made all that is permitted effective again.
      if (this.#effective !== this.#permitted || this.#effectiveHigh !== this.#permittedHigh)
        this.#setEffective(this.#effective, this.#effectiveHigh);
      this.#keepsSetIds = (this.#effective & Capability.keepSetIds) !== 0;
    }
    if (gid !== this.#gid) check(syscall(numbers.setresgid, KEEP, this.#gid, KEEP), 'setresgid', 'back');
    if (group !== undefined) this.#setGroups(0);
  }

  /**
   * Say whether what is written next leaves setuid and setgid where they are, as for the guest's root, or takes them away,
   * as for everybody else. Costs nothing where it stays the same.
   */
  keepSetIds(keep: boolean): void {
    if (keep === this.#keepsSetIds || (this.#effective & Capability.keepSetIds) === 0) return;
    this.#setEffective(
      keep ? this.#effective : this.#effective & ~Capability.keepSetIds,
      this.#effectiveHigh,
    );
    this.#keepsSetIds = keep;
  }

  #setEffective(low: number, high: number): void {
    header[0] = VERSION_3;
    header[1] = 0;
    data[0] = low;
    data[1] = this.#permitted;
    data[2] = this.#inheritable;
    data[3] = high;
    data[4] = this.#permittedHigh;
    data[5] = this.#inheritableHigh;
    check(syscall(numbers.capset, headerAddress, dataAddress, 0), 'capset');
  }

  #setGroups(count: number, group = 0): void {
    fileScratch.times.words[0] = group;
    const result = syscall(numbers.setgroups, count, fileScratch.times.address, 0);
    // A user namespace can forbid it; there are no groups to drop then that the process did not have before.
    if (result < 0 && errno() !== Errno.EPERM) check(result, 'setgroups');
  }
}
