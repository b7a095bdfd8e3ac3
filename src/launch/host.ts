/** What this machine gives a Ferry process: each thing is tried rather than looked up, where trying does no harm. */
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { homedir, release } from 'node:os';
import { join } from 'node:path';
import { asError } from '../errors.ts';
import { capture } from './capture.ts';
import { compareVersions } from './peers.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Without it `ferry serve` or `ferry migrate` cannot work; everything else is useful to have. */
  readonly needed: boolean;
  /** What is there: a version, a limit, or why it does not work. */
  readonly found: string;
  /** What to do about it when it is not ok. */
  readonly advice?: string;
}

type Finding = Omit<Check, 'name' | 'needed'>;

/** The oldest Node whose syntax and libraries Ferry uses. */
const oldestNode = '24';

/** Looks at the runtime and the kernel. Never throws: what cannot be found out is not ok, and says why. */
export async function checkHost(): Promise<Check[]> {
  return [
    check('node', true, node()),
    ...(await system()),
    check('userfaultfd', false, await userfaultfd()),
    check('hugepages', false, await hugepages()),
    check('locked memory', false, await limit('Max locked memory', 64 << 20, 'bytes', 'ulimit -l')),
    check('open files', false, await limit('Max open files', 16_384, '', 'ulimit -n')),
    check('memory cgroup', false, await memoryCgroup()),
    check('vhost-user descriptors', false, await descriptors()),
    ...(await libraries()),
  ];
}

function check(name: string, needed: boolean, finding: Finding): Check {
  return { name, needed, ...finding };
}

function node(): Finding {
  const { version } = process;
  const ok = compareVersions(version.slice(1), oldestNode) >= 0;
  return {
    ok,
    found: `${version}, Linux ${release()}`,
    advice: `Node ${oldestNode} or newer; \`npm install\` brings one`,
  };
}

/** The system calls that everything stands on. Loaded here so that a machine without the FFI still gets its report. */
async function system(): Promise<Check[]> {
  let sys: typeof import('../sys/index.ts');
  try {
    sys = await import('../sys/index.ts');
  } catch (error) {
    const advice = 'Install again for this machine: `npm install`';
    return [check('system calls (koffi)', true, { ok: false, found: asError(error).message, advice })];
  }
  const attempt = (name: string, work: () => string): Check => {
    try {
      return check(name, true, { ok: true, found: work() });
    } catch (error) {
      const advice = 'Needs Linux 5.10 or newer without a filter on this system call';
      return check(name, true, { ok: false, found: asError(error).message, advice });
    }
  };
  return [
    attempt('system calls (koffi)', () => `page size ${sys.PAGE_SIZE}`),
    attempt('memfd with seals', () => {
      using memory = sys.createMemfd('doctor', sys.PAGE_SIZE);
      memory.addSeals(sys.Seal.shrink | sys.Seal.grow | sys.Seal.seal);
      if (memory.seals !== (sys.Seal.shrink | sys.Seal.grow | sys.Seal.seal))
        throw new Error('the seals do not hold');
      return 'works';
    }),
    attempt('eventfd', () => {
      using event = sys.createEventfd('doctor');
      sys.signalEventfd(event.number);
      if (!sys.drainEventfd(event.number)) throw new Error('a signal was lost');
      return 'works';
    }),
    attempt('descriptors over unix sockets', () => {
      const [left, right] = sys.createSocketPair('doctor');
      const received: import('../sys/index.ts').Fd[] = [];
      try {
        sys.sendMessage(left, new Uint8Array(1), [right.number]);
        sys.receiveMessage(right, new Uint8Array(1), received);
        if (received.length !== 1) throw new Error('the descriptor did not arrive');
        return 'works';
      } finally {
        sys.closeAll([left, right, ...received]);
      }
    }),
  ];
}

async function userfaultfd(): Promise<Finding> {
  const advice =
    'Postcopy as a user needs `sysctl vm.unprivileged_userfaultfd=1` or access to /dev/userfaultfd';
  const allowed = await readText('/proc/sys/vm/unprivileged_userfaultfd');
  if (allowed === undefined) return { ok: false, found: 'not in this kernel', advice };
  if (process.getuid?.() === 0 || allowed.trim() === '1') return { ok: true, found: 'allowed' };
  const device = await accessible('/dev/userfaultfd', constants.R_OK | constants.W_OK);
  return { ok: device, found: device ? 'through /dev/userfaultfd' : 'for root alone', advice };
}

async function hugepages(): Promise<Finding> {
  const text = (await readText('/proc/meminfo')) ?? '';
  const value = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const free = value('HugePages_Free');
  return {
    ok: free > 0,
    found: `${free} of ${value('HugePages_Total')} free, ${value('Hugepagesize')} KiB each`,
    advice: 'Only for guests on huge pages: `sysctl vm.nr_hugepages=…`',
  };
}

async function limit(row: string, wanted: number, unit: string, command: string): Promise<Finding> {
  const line = ((await readText('/proc/self/limits')) ?? '').split('\n').find((text) => text.startsWith(row));
  const soft = line?.slice(row.length).trim().split(/\s+/)[0];
  const ok = soft === 'unlimited' || Number(soft) >= wanted;
  return { ok, found: `${soft ?? 'unknown'} ${unit}`.trim(), advice: `${wanted} are better: \`${command}\`` };
}

async function memoryCgroup(): Promise<Finding> {
  const advice = 'Memory limits need cgroup 2 with the memory controller, delegated to this user';
  const controllers = await readText('/sys/fs/cgroup/cgroup.controllers');
  if (controllers === undefined) return { ok: false, found: 'no cgroup 2 at /sys/fs/cgroup', advice };
  const ok = controllers.split(/\s+/).includes('memory');
  return { ok, found: ok ? 'cgroup 2' : `cgroup 2 with ${controllers.trim() || 'no controllers'}`, advice };
}

/** Where QEMU's tools look for back ends, in their order. */
async function descriptors(): Promise<Finding> {
  const config = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const folders = [join(config, 'qemu/vhost-user'), '/etc/qemu/vhost-user', '/usr/share/qemu/vhost-user'];
  const found: string[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => undefined); // Most machines have one of them
    if (names)
      found.push(`${folder} (${names.filter((name) => name.endsWith('.json')).join(', ') || 'empty'})`);
  }
  const advice = `For tools that look back ends up: put Ferry's descriptor into ${folders[2]}`;
  return { ok: found.length > 0, found: found.join('; ') || 'no such folder', advice };
}

async function libraries(): Promise<Check[]> {
  const cache = await capture(['/sbin/ldconfig', '-p'], { deadline: 5000 });
  return ['libz.so.1', 'libzstd.so.1'].map((name) => {
    const path = new RegExp(`${name.replaceAll('.', '\\.')} .*=> (\\S+)`).exec(cache.stdout)?.[1];
    const advice = `Only for compressed channels: install the package that has ${name}`;
    return check(name, false, { ok: path !== undefined, found: path ?? 'not found', advice });
  });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined; // Not there: the caller says what that means
  }
}

async function accessible(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}
