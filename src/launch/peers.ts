/**
 * Finding the programs at the other end: QEMU, virtiofsd, passt and their kind, on PATH or in the cache folder that
 * `tools/peers` fills. Nothing here downloads anything.
 *
 * Cache layout: `<cache>/peers/<set>/manifest.json` beside `<cache>/peers/<set>/root` (unpacked packages) and
 * `<cache>/peers/<set>/kernel`; paths in a manifest are relative to its set.
 */
import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { asError, FerryError } from '../errors.ts';
import { capture } from './capture.ts';
import { decodeManifest, type SetManifest } from './manifest.ts';

/** The programs that Ferry knows how to start. */
export const peerNames = [
  'qemu-system-x86_64',
  'qemu-storage-daemon',
  'qemu-io',
  'qemu-img',
  'virtiofsd',
  'passt',
] as const;

export type PeerName = (typeof peerNames)[number];

/** A program that can be started: `command` and `env` come before and beside whatever the caller adds. */
export interface Peer {
  readonly name: PeerName;
  /** Dotted upstream version, for example `10.0.13`. */
  readonly version: string;
  readonly origin: 'path' | 'cache';
  /** Name of the cached set, for example `trixie`; absent for a program on PATH. */
  readonly set: string | undefined;
  /** The program file itself. */
  readonly path: string;
  /** The first words of the command line: the program, or the loader that starts it and the arguments it needs. */
  readonly command: readonly [string, ...string[]];
  /** Variables to add to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A kernel that can boot a guest, with the configuration it was built with. */
export interface GuestKernel {
  /** Kernel release as `uname -r` says it, for example `6.12.107+deb13-cloud-amd64`. */
  readonly release: string;
  readonly set: string;
  readonly image: string;
  readonly config: string;
}

/** What building a guest's programs needs. */
export interface GuestTools {
  readonly set: string;
  /** Changes when the tools may have. */
  readonly recipe: string;
  /** The folder that the set's packages were unpacked in. */
  readonly root: string;
  readonly busybox: string;
  /** Starts the C compiler; the caller adds the include and library folders, which lie under `root`. */
  readonly compiler: readonly [string, ...string[]];
}

export interface Peers {
  /** Programs on PATH first, then cached ones, newest version first. */
  readonly programs: readonly Peer[];
  /** Newest first. */
  readonly kernels: readonly GuestKernel[];
  readonly guestTools: GuestTools | undefined;
  /** The initramfs with the guest's agent that was built last. */
  readonly initramfs: string | undefined;
  /** What was passed over, and why: a damaged set, a program that does not start. */
  readonly problems: readonly string[];
}

/** The cache folder: `$FERRY_CACHE`, else `$XDG_CACHE_HOME/ferry`, else `~/.cache/ferry`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.FERRY_CACHE) return env.FERRY_CACHE;
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'ferry');
}

/** Where built guests lie: one folder for each version of the agent, with an `initramfs` in it. */
export function guestFolder(cache: string): string {
  return join(cache, 'guest');
}

/**
 * Everything that can be started here. Programs on PATH are asked for their version (5 seconds each at most); cached
 * ones were when they were fetched.
 */
export async function findPeers(
  options: { cache?: string; path?: string; signal?: AbortSignal } = {},
): Promise<Peers> {
  const problems: string[] = [];
  const cache = options.cache ?? cacheFolder();
  const sets = await readSets(cache, problems);
  const programs = await onPath(options.path ?? process.env.PATH ?? '', problems, options.signal);
  const kernels: GuestKernel[] = [];
  let guestTools: GuestTools | undefined;
  for (const { folder, manifest } of sets) {
    for (const { name, path, version } of manifest.programs) {
      if (!isPeerName(name)) continue;
      programs.push({
        name,
        version,
        origin: 'cache',
        set: manifest.set,
        ...cachedCommand(folder, name, path),
      });
    }
    for (const { release, image, config } of manifest.kernels) {
      kernels.push({ release, set: manifest.set, image: join(folder, image), config: join(folder, config) });
    }
    guestTools ??= findGuestTools(folder, manifest);
  }
  programs.sort((a, b) => order(a.origin, b.origin) || compareVersions(b.version, a.version));
  kernels.sort((a, b) => compareVersions(b.release, a.release));
  return { programs, kernels, guestTools, initramfs: await newestInitramfs(cache), problems };
}

/**
 * The first program of that name whose version starts with `version` (`10.0` takes 10.0.13), from `origin` if given.
 *
 * @throws FerryError ERR_PEER_MISSING that says what there is instead
 */
export function choosePeer(
  peers: Peers,
  name: PeerName,
  want: { version?: string; origin?: Peer['origin'] } = {},
): Peer {
  const same = peers.programs.filter((peer) => peer.name === name);
  const found = same.find(
    (peer) =>
      (want.origin === undefined || peer.origin === want.origin) &&
      (want.version === undefined || `${peer.version}.`.startsWith(`${want.version}.`)),
  );
  if (found) return found;
  const wanted = [name, want.version, want.origin && `from the ${want.origin}`].filter(Boolean).join(' ');
  const there = same.map((peer) => `${peer.version} (${peer.origin})`).join(', ');
  throw new FerryError(
    'ERR_PEER_MISSING',
    `${wanted} is not here; there is ${there || 'none'}. Install it, or fill the cache with tools/peers/fetch.ts`,
  );
}

/** The first kernel whose release starts with `version`, by default the newest. @throws FerryError ERR_PEER_MISSING */
export function chooseKernel(peers: Peers, version = ''): GuestKernel {
  const found = peers.kernels.find((kernel) => kernel.release.startsWith(version));
  if (found) return found;
  const there = peers.kernels.map((kernel) => kernel.release).join(', ') || 'none';
  throw new FerryError(
    'ERR_PEER_MISSING',
    `no guest kernel ${version} in the cache; there is ${there}. Fill it with tools/peers/fetch.ts`,
  );
}

/** Orders dotted versions by their numbers: negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(/[^0-9]+/).map(Number);
  const right = b.split(/[^0-9]+/).map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How to start a program of a cached set: through the set's own loader, so that the machine's libraries do not matter. */
export function cachedCommand(
  folder: string,
  name: string,
  path: string,
): Pick<Peer, 'path' | 'command' | 'env'> {
  const root = join(folder, 'root');
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const program = join(folder, path);
  const command: [string, ...string[]] = [
    join(libraries, 'ld-linux-x86-64.so.2'),
    '--library-path',
    libraries,
    program,
  ];
  if (name === 'qemu-system-x86_64') {
    for (const data of ['qemu', 'seabios']) command.push('-L', join(root, 'usr/share', data));
  }
  return { path: program, command, env: variables(name, root, libraries) };
}

/** Where programs look for what their packages brought along, which is not where they were built to look. */
function variables(name: string, root: string, libraries: string): Record<string, string> {
  if (name.startsWith('qemu')) return { QEMU_MODULE_DIR: join(libraries, 'qemu') };
  // A cached set is never written to, so no compiled modules either
  if (name === 'python3') return { PYTHONHOME: join(root, 'usr'), PYTHONDONTWRITEBYTECODE: '1' };
  return {};
}

function findGuestTools(folder: string, manifest: SetManifest): GuestTools | undefined {
  const busybox = manifest.programs.find((program) => program.name === 'busybox');
  const tcc = manifest.programs.find((program) => program.name === 'tcc');
  if (!busybox || !tcc) return undefined;
  return {
    set: manifest.set,
    recipe: manifest.recipe,
    root: join(folder, 'root'),
    busybox: join(folder, busybox.path),
    compiler: cachedCommand(folder, 'tcc', tcc.path).command,
  };
}

async function newestInitramfs(cache: string): Promise<string | undefined> {
  let newest: { path: string; time: number } | undefined;
  for (const name of await visibleNames(guestFolder(cache))) {
    const path = join(guestFolder(cache), name, 'initramfs');
    const found = await stat(path).catch(() => undefined); // Still being built
    if (found && found.mtimeMs > (newest?.time ?? 0)) newest = { path, time: found.mtimeMs };
  }
  return newest?.path;
}

/** Names in a folder but for those in the making, in order; none without the folder. */
async function visibleNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch {
    return []; // No cache is an ordinary state
  }
}

async function readSets(
  cache: string,
  problems: string[],
): Promise<{ folder: string; manifest: SetManifest }[]> {
  const parent = join(cache, 'peers');
  const sets = [];
  for (const name of await visibleNames(parent)) {
    const folder = join(parent, name);
    try {
      const manifest = decodeManifest(await readFile(join(folder, 'manifest.json'), 'utf8'));
      sets.push({ folder, manifest });
    } catch (error) {
      problems.push(`${folder} is left out: ${asError(error).message}`);
    }
  }
  return sets;
}

/** Distributions keep virtiofsd out of PATH. */
const furtherFolders = ['/usr/libexec', '/usr/lib/qemu', '/usr/local/libexec'];

async function onPath(path: string, problems: string[], signal: AbortSignal | undefined): Promise<Peer[]> {
  const found: Peer[] = [];
  const folders = [...path.split(delimiter).filter(isAbsolute), ...furtherFolders];
  for (const name of peerNames) {
    const program = await firstExecutable(folders, name);
    if (program === undefined) continue;
    const run = await capture([program, '--version'], { deadline: 5000, ...(signal && { signal }) });
    const version = versionIn(run.stdout);
    if (run.code !== 0 || version === undefined) {
      problems.push(
        `${program} is left out: --version ended with ${run.code ?? run.signal}, ${run.stderr.trim()}`,
      );
      continue;
    }
    found.push({ name, version, origin: 'path', set: undefined, path: program, command: [program], env: {} });
  }
  return found;
}

/** The version in what a program says about itself: a date with underscores, as passt has it, or the first dotted number. */
export function versionIn(text: string): string | undefined {
  return /\d{4}_\d\d_\d\d/.exec(text)?.[0].replaceAll('_', '.') ?? /\d+(?:\.\d+)+/.exec(text)?.[0];
}

async function firstExecutable(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = join(folder, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder
    }
  }
  return undefined;
}

function isPeerName(name: string): name is PeerName {
  return (peerNames as readonly string[]).includes(name);
}

function order(a: Peer['origin'], b: Peer['origin']): number {
  return Number(a === 'cache') - Number(b === 'cache');
}
