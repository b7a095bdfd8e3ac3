/**
 * Builds the guest's initramfs: the agent, compiled from `agent/` with the cached C compiler, and busybox.
 *
 *     node tools/guest/build.ts [--cache FOLDER]
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asError, FerryError } from '../../src/errors.ts';
import { cacheFolder, capture, findPeers, type GuestTools, guestFolder } from '../../src/launch/index.ts';
import { type ArchiveEntry, makeArchive } from './cpio.ts';

const agentFolder = join(import.meta.dirname, 'agent');
/** Applets that the agent's `sh` and a person at the console may want. */
const applets = [
  'sh',
  'ls',
  'cat',
  'mount',
  'umount',
  'dmesg',
  'ps',
  'dd',
  'md5sum',
  'stat',
  'find',
  'df',
  'insmod',
];

/** The initramfs for the agent as it is in this folder now; built unless it is in the cache. */
export async function buildGuest(cache: string): Promise<string> {
  const { guestTools } = await findPeers({ cache, path: '' });
  if (guestTools === undefined) {
    throw new FerryError(
      'ERR_PEER_MISSING',
      `No compiler for the guest in ${cache}; run tools/peers/fetch.ts first`,
    );
  }
  const sources = (await readdir(agentFolder)).filter((name) => /\.[ch]$/.test(name)).sort();
  const hash = createHash('sha256')
    .update(await readFile(import.meta.filename))
    .update(guestTools.recipe);
  for (const name of sources) hash.update(name).update(await readFile(join(agentFolder, name)));
  const folder = join(guestFolder(cache), hash.digest('hex').slice(0, 16));
  const initramfs = join(folder, 'initramfs');
  if (await exists(initramfs)) return initramfs;

  await mkdir(guestFolder(cache), { recursive: true });
  const making = await mkdtemp(join(guestFolder(cache), '.making-'));
  try {
    const agent = join(making, 'agent');
    await compile(
      guestTools,
      sources.filter((name) => name.endsWith('.c')).map((name) => join(agentFolder, name)),
      agent,
    );
    await writeFile(
      join(making, 'initramfs'),
      makeArchive(files(await readFile(agent), await readFile(guestTools.busybox))),
    );
    await rename(making, folder);
  } catch (error) {
    // Another run that was as fast has made the same
    if (!(await exists(initramfs))) throw error;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return initramfs;
}

/** Compile C `sources` to a static program at `output`. Throws `ERR_GUEST_BUILD` with what the compiler said. */
export async function compile(tools: GuestTools, sources: readonly string[], output: string): Promise<void> {
  const musl = join(tools.root, 'usr/lib/x86_64-linux-musl');
  const tcc = join(tools.root, 'usr/lib/x86_64-linux-gnu/tcc');
  const ended = await capture(
    [
      ...tools.compiler,
      ...[`-B${tcc}`, '-nostdinc', '-nostdlib', '-static', '-Wall', '-Werror'],
      ...[`-I${join(tools.root, 'usr/include/x86_64-linux-musl')}`, `-I${join(tcc, 'include')}`],
      ...[join(musl, 'crt1.o'), join(musl, 'crti.o'), ...sources],
      ...[join(musl, 'libc.a'), join(tcc, 'libtcc1.a'), join(musl, 'crtn.o')],
      ...['-o', output],
    ],
    { deadline: 60_000 },
  );
  if (ended.code === 0) return;
  throw new FerryError('ERR_GUEST_BUILD', `${sources.join(', ')} does not compile: ${ended.stderr.trim()}`);
}

function files(agent: Uint8Array, busybox: Uint8Array): ArchiveEntry[] {
  const folder = 0o040755;
  const program = 0o100755;
  const link = 0o120777;
  return [
    ...['dev', 'proc', 'sys', 'ram', 'mnt', 'bin'].map((path) => ({ path, mode: folder })),
    { path: 'dev/console', mode: 0o020600, device: [5, 1] },
    { path: 'init', mode: program, data: agent },
    { path: 'bin/busybox', mode: program, data: busybox },
    ...applets.map((name) => ({ path: `bin/${name}`, mode: link, data: Buffer.from('busybox') })),
  ];
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { cache: { type: 'string', default: cacheFolder() } } });
  try {
    process.stdout.write(`${await buildGuest(values.cache)}\n`);
  } catch (error) {
    process.stderr.write(`guest: ${asError(error).message}\n`);
    process.exitCode = 1;
  }
}
