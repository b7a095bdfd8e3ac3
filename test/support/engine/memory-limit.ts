/**
 * A limit to the memory of a process, held by the kernel: a memory cgroup (version 2 or 1), or, where no cgroup can be made,
 * RLIMIT_DATA.
 */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** What to choose from. */
export interface Surroundings {
  /** `/proc/self/mountinfo` and `/proc/self/cgroup`. */
  readonly mounts: string;
  readonly cgroups: string;
  /** Whether a group can be made in a folder of cgroups, with memory limits of that version. */
  usable(folder: string, version: 1 | 2): boolean;
}

export type LimitChoice =
  | { readonly kind: 'cgroup'; readonly version: 1 | 2; readonly folder: string }
  | Rlimit;
interface Rlimit {
  readonly kind: 'rlimit';
}

/** How the memory of a process can be limited, best first. */
export function chooseLimit({ mounts, cgroups, usable }: Surroundings): LimitChoice {
  for (const version of [2, 1] as const)
    for (const folder of candidates(mounts, cgroups, version))
      if (usable(folder, version)) return { kind: 'cgroup', version, folder };
  return { kind: 'rlimit' };
}

/**
 * Where a group could be made: below this process's own one. A group of version 2 that has processes gives no memory limits
 * to those below it, so there the ones above are looked at as well.
 */
function candidates(mounts: string, cgroups: string, version: 1 | 2): string[] {
  const mount = findMount(mounts, version);
  const own = findGroup(cgroups, version);
  if (mount === undefined || own === undefined) return [];
  const inside = own.startsWith(mount.root) ? own.slice(mount.root.length) : '';
  const folders = [resolve(`${mount.point}${inside}`)];
  while (version === 2 && folders.at(-1) !== mount.point) folders.push(dirname(folders.at(-1)!));
  return folders;
}

function findMount(mounts: string, version: 1 | 2): { root: string; point: string } | undefined {
  for (const line of mounts.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    const matches =
      version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('memory');
    if (matches) return { root: root === '/' ? '' : root, point };
  }
  return undefined;
}

function findGroup(cgroups: string, version: 1 | 2): string | undefined {
  for (const line of cgroups.split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    if (version === 2 ? line.startsWith('0::') : controllers.split(',').includes('memory'))
      return path.join(':');
  }
  return undefined;
}

/** What there is on this machine. */
export function surroundings(): Surroundings {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    cgroups: readFileSync('/proc/self/cgroup', 'utf8'),
    usable(folder, version) {
      try {
        using _group = new Cgroup(folder, version);
        return true;
      } catch (error) {
        if (error instanceof Error && ('code' in error || error instanceof NoLimits)) return false;
        throw error;
      }
    },
  };
}

/** A limit that one process, and all that it starts, is kept to. */
export interface MemoryLimit extends Disposable {
  readonly title: string;
  /** The command line that runs `command` with `bytes` at most, or without a limit. */
  wrap(command: readonly string[], bytes?: number): string[];
  /** Bytes that process `pid` has now and that the kernel cannot take back. */
  used(pid: number): number;
  /** Whether memory counts that was mapped and not touched. */
  readonly countsUntouched: boolean;
  /** How often the kernel has killed for it; undefined where that is not counted. */
  readonly kills: number | undefined;
}

/** A new limit, of the kind that `choice` says. */
export function limitMemory(choice: LimitChoice): MemoryLimit {
  return choice.kind === 'cgroup' ? new Cgroup(choice.folder, choice.version) : new DataLimit();
}

class NoLimits extends Error {}

/** Names of the same things in both versions. */
const FILES = {
  1: {
    usage: 'memory.usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    cache: 'cache',
    kills: 'memory.oom_control',
    swapping: 'memory.swappiness',
  },
  2: {
    usage: 'memory.current',
    limit: 'memory.max',
    cache: 'file',
    kills: 'memory.events',
    swapping: 'memory.swap.max',
  },
} as const;

class Cgroup implements MemoryLimit {
  readonly title: string;
  readonly countsUntouched = false;
  readonly #folder: string;
  readonly #files: (typeof FILES)[1 | 2];

  constructor(parent: string, version: 1 | 2) {
    this.#files = FILES[version];
    this.#folder = mkdtempSync(join(parent, 'ferry-test-'));
    this.title = `a cgroup of version ${version}`;
    if (existsSync(join(this.#folder, this.#files.limit))) return;
    this[Symbol.dispose]();
    throw new NoLimits(`${parent} gives no memory limits to the groups in it`);
  }

  wrap(command: readonly string[], bytes?: number): string[] {
    if (bytes !== undefined) this.#write(this.#files.limit, bytes);
    // What goes beyond is to end the process, not to go to a disk
    this.#write(this.#files.swapping, 0);
    return ['/bin/sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', this.#folder, ...command];
  }

  used(): number {
    return Number(this.#read(this.#files.usage)) - this.#number('memory.stat', this.#files.cache);
  }

  get kills(): number {
    return this.#number(this.#files.kills, 'oom_kill');
  }

  [Symbol.dispose](): void {
    rmdirSync(this.#folder);
  }

  #number(file: string, name: string): number {
    const line = this.#read(file)
      .split('\n')
      .find((text) => text.startsWith(`${name} `));
    if (line === undefined) throw new Error(`${file} of a group has no ${name}`);
    return Number(line.slice(name.length + 1));
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8');
  }

  #write(file: string, value: number): void {
    const path = join(this.#folder, file);
    // A kernel without swap has no file for it
    if (existsSync(path)) writeFileSync(path, String(value));
  }
}

class DataLimit implements MemoryLimit {
  readonly title = 'RLIMIT_DATA';
  readonly countsUntouched = true;
  readonly kills = undefined;

  wrap(command: readonly string[], bytes?: number): string[] {
    return bytes === undefined ? [...command] : ['prlimit', `--data=${bytes}`, ...command];
  }

  used(pid: number): number {
    const found = /^VmData:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (found === null) throw new Error(`/proc/${pid}/status has no VmData`);
    return Number(found[1]) * 1024;
  }

  [Symbol.dispose](): void {
    // It ends with the process
  }
}
