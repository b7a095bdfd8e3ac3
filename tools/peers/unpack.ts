/** From downloaded packages to a set that can be started. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { FerryError } from '../../src/errors.ts';
import {
  cachedCommand,
  capture,
  type KernelEntry,
  type PackageEntry,
  type ProgramEntry,
  versionIn,
} from '../../src/launch/index.ts';
import type { Recipe } from './recipe.ts';

const deadline = 5 * 60_000;

/** Unpacks package files over each other into `root`, as many at a time as there are cores. */
export async function unpackAll(files: readonly string[], root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const left = [...files];
  const worker = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await unpack(file, root);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function unpack(file: string, root: string): Promise<void> {
  const ended = await capture(['dpkg-deb', '-x', file, root], { deadline });
  if (ended.code === 0) return;
  throw new FerryError('ERR_PEERS_UNPACK', `dpkg-deb -x ${basename(file)} failed: ${ended.stderr.trim()}`);
}

/** Takes a kernel, its configuration and some modules out of its packages, which differ in where they keep them. */
export async function takeKernel(
  files: readonly string[],
  set: string,
  modules: readonly string[],
): Promise<KernelEntry> {
  const scratch = join(set, 'kernel.unpacked');
  await unpackAll(files, scratch);
  const inside = await readdir(scratch, { recursive: true });
  const image = inside.find((path) => /(^boot\/vmlinuz-|^usr\/lib\/modules\/[^/]+\/vmlinuz$)/.test(path));
  const config = inside.find((path) => /(^boot\/config-|^usr\/lib\/modules\/[^/]+\/config$)/.test(path));
  const release = image?.match(/vmlinuz-(.+)$|modules\/([^/]+)\//);
  if (!image || !config || !release) {
    throw new FerryError(
      'ERR_PEERS_UNPACK',
      `No kernel image with its configuration in ${files.map((file) => basename(file))}`,
    );
  }
  await mkdir(join(set, 'kernel'));
  await writeFile(join(set, 'kernel/vmlinux'), uncompressedKernel(await readFile(join(scratch, image))));
  await copyFile(join(scratch, config), join(set, 'kernel/config'));
  for (const name of modules) {
    const path = inside.find((each) => basename(each) === name);
    if (path === undefined) throw new FerryError('ERR_PEERS_UNPACK', `The kernel has no module ${name}`);
    await copyFile(join(scratch, path), join(set, 'kernel', name));
  }
  await rm(scratch, { recursive: true });
  return { release: release[1] ?? release[2] ?? '', image: 'kernel/vmlinux', config: 'kernel/config' };
}

/**
 * The ELF file inside a bzImage, which QEMU starts at its PVH entry: an emulated processor takes more than a second to
 * unpack what this machine unpacks in a tenth of one.
 *
 * Boot protocol: at 0x1f1 u8 the count of 512-byte set-up sectors (0 means 4) after the first; at 0x248 u32 the offset
 * of the payload from their end, at 0x24c u32 its length; its last 4 bytes are the unpacked size.
 */
export function uncompressedKernel(image: Buffer): Buffer {
  const setup = ((image[0x1f1] || 4) + 1) * 512;
  const start = setup + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const magic = payload.length < 4 ? 0 : payload.readUInt32LE(0);
  if (image.readUInt32LE(0x202) !== 0x53726448 || magic !== 0xfd2fb528) {
    throw new FerryError(
      'ERR_PEERS_UNPACK',
      'The kernel image is not a bzImage that was compressed with zstd',
    );
  }
  return zstdDecompressSync(payload, { maxOutputLength: 1 << 28 });
}

/** Starts every program of the recipe once. A program says its version itself; when it only ends well, its package does. */
export async function tryPrograms(
  recipe: Recipe,
  set: string,
  packages: readonly PackageEntry[],
): Promise<ProgramEntry[]> {
  const entries: ProgramEntry[] = [];
  for (const program of recipe.programs) {
    const path = `root/${program.path}`;
    const { command, env } = cachedCommand(set, program.name, path);
    const flag = { busybox: '--help', tcc: '-v' }[program.name] ?? '--version';
    const ended = await capture([...command, flag], { deadline: 60_000, env: { ...process.env, ...env } });
    const packaged = packages.find((entry) => entry.name === program.package)?.version ?? '';
    const version = versionIn(ended.stdout) ?? versionIn(upstream(packaged));
    if (ended.code !== 0 || version === undefined) {
      throw new FerryError(
        'ERR_PEERS_START',
        `${program.name} of the set ${recipe.set} does not start here: ended with ${ended.code ?? ended.signal}, ` +
          `said ${JSON.stringify((ended.stderr || ended.stdout).slice(-400))}`,
      );
    }
    entries.push({ name: program.name, version, path });
  }
  return entries;
}

/** A Debian version without its epoch and revision; passt's is a date after `0.0~git`. */
function upstream(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/^0\.0~git(\d{4})(\d\d)(\d\d)\..*/, '$1.$2.$3');
}

/** What the manifest says of a package file. */
export async function describePackage(file: string): Promise<PackageEntry> {
  const [, name, version] = /^(.+?)_(.+)_[a-z0-9]+\.deb$/.exec(basename(file)) ?? [];
  if (!name || !version)
    throw new FerryError('ERR_PEERS_UNPACK', `${basename(file)} is not named as a package`);
  return { name, version: decodeURIComponent(version), ...(await describeFile(file)) };
}

/** Size and SHA-256 of a file. */
export async function describeFile(file: string): Promise<Pick<PackageEntry, 'size' | 'sha256'>> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  const { size } = await stat(file);
  return { size, sha256: hash.digest('hex') };
}
