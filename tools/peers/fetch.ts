/**
 * Fills the cache folder with real peers: QEMU of two versions, virtiofsd, passt, their tools, guest kernels, busybox and
 * a small C compiler, from Debian's packages; QEMU's check of migrations, from its source package; and builds the guest's
 * initramfs. Needs apt-get and dpkg-deb, no root. A second run returns at once.
 *
 *     node tools/peers/fetch.ts [--cache FOLDER] [--mirror URI] [--refresh]
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asError, FerryError } from '../../src/errors.ts';
import { cacheFolder, decodeManifest, type SetManifest } from '../../src/launch/index.ts';
import { buildGuest } from '../guest/build.ts';
import {
  type AptSource,
  hasKeyring,
  isMissingKey,
  machineKeyring,
  machineSources,
  PrivateApt,
  type Resolved,
} from './apt.ts';
import { lockFolder } from './lock.ts';
import { type Recipe, recipeHash, recipes, type SourceRecipe, sourceRecipe, suites } from './recipe.ts';
import { takeSource } from './source.ts';
import { describePackage, takeKernel, tryPrograms, unpackAll } from './unpack.ts';

export interface FetchOptions {
  readonly cache: string;
  /** Base address of a Debian archive, instead of the machine's. */
  readonly mirror?: string | undefined;
  /** Make every set anew. */
  readonly refresh?: boolean;
  /** Archive keyring to begin with. */
  readonly keyring?: string;
  readonly log: (line: string) => void;
}

/** Makes what is missing, and returns the manifests of all sets. Safe beside another run and when interrupted. */
export async function fetchPeers(options: FetchOptions): Promise<SetManifest[]> {
  const parent = join(options.cache, 'peers');
  if (!options.refresh) {
    const there = await Promise.all([...recipes, sourceRecipe].map((recipe) => currentSet(parent, recipe)));
    if (there.every((manifest) => manifest !== undefined)) return there;
  }
  if (process.arch !== 'x64') {
    throw new FerryError(
      'ERR_PEERS_ARCHITECTURE',
      `The cached peers are amd64 programs; this machine is ${process.arch}`,
    );
  }
  await mkdir(parent, { recursive: true });
  await using _lock = await lockFolder(resolve(parent), () =>
    options.log('another run is at work, waiting for it'),
  );
  await removeLeftovers(parent, options.log);
  const workshop = await mkdtemp(join(parent, '.apt-'));
  const manifests: SetManifest[] = [];
  let apt: PrivateApt | undefined;
  for (const recipe of [...recipes, sourceRecipe]) {
    const there = options.refresh ? undefined : await currentSet(parent, recipe);
    if (there) {
      manifests.push(there);
      continue;
    }
    apt ??= await openApt(workshop, options);
    manifests.push(await makeSet(apt, recipe, parent, options.log));
  }
  await rm(workshop, { recursive: true, force: true });
  return manifests;
}

/**
 * Names that begin with a dot are sets in the making; under the lock, nobody is making one. Children of a killed run may
 * write on for a moment, which is no reason to fail: every run has folders of its own.
 */
async function removeLeftovers(parent: string, log: FetchOptions['log']): Promise<void> {
  for (const name of (await readdir(parent)).filter((entry) => entry.startsWith('.'))) {
    try {
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      log(`left for the next run: ${asError(error).message}`);
    }
  }
}

async function currentSet(parent: string, recipe: Recipe | SourceRecipe): Promise<SetManifest | undefined> {
  try {
    const manifest = decodeManifest(await readFile(join(parent, recipe.set, 'manifest.json'), 'utf8'));
    return manifest.recipe === recipeHash(recipe) ? manifest : undefined;
  } catch {
    return undefined; // Missing or damaged: made again
  }
}

/** Tries the machine's mirrors in turn; a keyring too old for the suites is replaced by the one in its own suite. */
async function openApt(workshop: string, options: FetchOptions): Promise<PrivateApt> {
  const own: AptSource[] = options.mirror ? [] : await machineSources();
  const mirrors = options.mirror ? [options.mirror] : [...new Set(own.map(({ uri }) => uri))];
  const keyring = options.keyring ?? machineKeyring;
  if (!(await hasKeyring(keyring))) {
    throw new FerryError(
      'ERR_PEERS_KEYRING',
      `${keyring} is missing; install the package debian-archive-keyring`,
    );
  }
  let failure: unknown;
  for (const uri of mirrors) {
    const sources = suites.map((suite) => ({ uri, suite, withSource: suite === sourceRecipe.suite }));
    try {
      return await PrivateApt.open(workshop, sources, keyring);
    } catch (error) {
      failure = error;
      if (!isMissingKey(error) || own.length === 0) continue;
      options.log('the archive keyring is older than the suites, fetching a newer one');
      return await PrivateApt.open(
        workshop,
        sources,
        await newerKeyring(join(workshop, 'keyring'), own, keyring),
      );
    }
  }
  throw failure;
}

/** The keyring that one of the machine's own suites has now, verified with the one that the machine has. */
async function newerKeyring(folder: string, own: readonly AptSource[], keyring: string): Promise<string> {
  let failure: unknown;
  for (const [i, source] of own.entries()) {
    const at = join(folder, String(i));
    try {
      const apt = await PrivateApt.open(at, [source], keyring);
      await apt.download(['debian-archive-keyring'], join(at, 'packages'));
      await unpackAll(await packageFiles(join(at, 'packages')), join(at, 'root'));
      return join(at, 'root', machineKeyring);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Makes a set under another name, and puts it in the place of what was there. */
async function makeSet(
  apt: PrivateApt,
  recipe: Recipe | SourceRecipe,
  parent: string,
  log: FetchOptions['log'],
): Promise<SetManifest> {
  const making = await mkdtemp(join(parent, `.${recipe.set}-`));
  const python = join(parent, 'trixie');
  const manifest =
    'source' in recipe
      ? await takeSource(apt, recipe, making, python)
      : await takePackages(apt, recipe, making, log);
  await writeFile(join(making, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
  await rm(join(parent, recipe.set), { recursive: true, force: true });
  await chmod(making, 0o755);
  await rename(making, join(parent, recipe.set));
  return manifest;
}

async function takePackages(
  apt: PrivateApt,
  recipe: Recipe,
  making: string,
  log: FetchOptions['log'],
): Promise<SetManifest> {
  const packages = await apt.resolve(recipe.packages, recipe.suite);
  const further = await apt.resolve([...recipe.alone, recipe.kernel], recipe.suite);
  const alone = further.filter(({ name }) => recipe.alone.includes(name));
  const kernel = further.filter(({ name }) => /^linux-(image|binary|base|modules)-\d/.test(name));
  log(`${recipe.set}: ${packages.length + alone.length + kernel.length} packages`);
  const archives = join(apt.folder, 'packages');
  const files = await fetchAll(apt, packages, archives);
  files.push(...(await fetchAll(apt, alone, archives)));
  const kernelFiles = await fetchAll(apt, kernel, archives);
  const [kernelEntry] = await Promise.all([
    takeKernel(kernelFiles, making, recipe.modules),
    unpackAll(files, join(making, 'root')),
  ]);
  const entries = await Promise.all([...files, ...kernelFiles].map(describePackage));
  return {
    format: 1,
    set: recipe.set,
    recipe: recipeHash(recipe),
    packages: entries,
    programs: await tryPrograms(recipe, making, entries),
    kernels: [kernelEntry],
  };
}

async function fetchAll(apt: PrivateApt, packages: readonly Resolved[], archives: string): Promise<string[]> {
  await apt.download(
    packages.map(({ name, version }) => `${name}=${version}`),
    archives,
  );
  const wanted = new Set(packages.map(({ name, version }) => `${name} ${version}`));
  const files = (await packageFiles(archives)).filter((file) => wanted.has(nameAndVersion(file)));
  if (files.length === packages.length) return files;
  throw new FerryError('ERR_PEERS_APT', `apt downloaded ${files.length} of ${packages.length} packages`, {
    retry: true,
  });
}

async function packageFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name));
}

function nameAndVersion(file: string): string {
  const [, name, version] = /([^/]+?)_(.+)_[a-z0-9]+\.deb$/.exec(file) ?? [];
  return `${name} ${decodeURIComponent(version ?? '')}`;
}

/** One line a program and kernel. */
export function table(manifests: readonly SetManifest[]): string {
  const rows = manifests.flatMap(({ set, programs, kernels }) => [
    ...programs.map(({ name, version }) => [name, version, set]),
    ...kernels.map(({ release }) => ['linux', release, set]),
  ]);
  return [['program', 'version', 'set'], ...rows]
    .map(([name = '', version = '', set = '']) => `${name.padEnd(22)}${version.padEnd(30)}${set}`)
    .join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      cache: { type: 'string', default: cacheFolder() },
      mirror: { type: 'string', default: process.env.FERRY_PEERS_MIRROR ?? '' },
      keyring: { type: 'string', default: machineKeyring },
      refresh: { type: 'boolean', default: false },
    },
  });
  const start = performance.now();
  try {
    const manifests = await fetchPeers({
      ...values,
      mirror: values.mirror || undefined,
      log: (line) => process.stderr.write(`peers: ${line}\n`),
    });
    const initramfs = await buildGuest(values.cache);
    process.stdout.write(`${table(manifests)}\nguest: ${initramfs}\n`);
    process.stderr.write(
      `peers: ready in ${((performance.now() - start) / 1000).toFixed(1)} s, in ${values.cache}\n`,
    );
  } catch (error) {
    process.stderr.write(`peers: ${asError(error).message}\n`);
    process.exitCode = 1;
  }
}
