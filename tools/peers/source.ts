/** Single files of a Debian source package: what QEMU brings along to check migrations with, for tests to run beside ours. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FerryError } from '../../src/errors.ts';
import { cachedCommand, capture, type SetManifest } from '../../src/launch/index.ts';
import type { PrivateApt } from './apt.ts';
import { recipeHash, type SourceRecipe } from './recipe.ts';
import { describeFile } from './unpack.ts';

const deadline = 10 * 60_000;

/**
 * Fills `making` with the files of the recipe, by their paths in the source, and returns the manifest. Tar and xz are
 * those of the Python in the set `python`: not every machine has an xz.
 *
 * @throws FerryError ERR_PEERS_APT, ERR_PEERS_UNPACK
 */
export async function takeSource(
  apt: PrivateApt,
  recipe: SourceRecipe,
  making: string,
  python: string,
): Promise<SetManifest> {
  const downloads = join(apt.folder, recipe.set);
  await apt.downloadSource(recipe.source, downloads);
  const archive = (await readdir(downloads)).find((name) => /\.orig\.tar\.xz$/.test(name));
  const version = archive && /_(.+)\.orig\.tar\.xz$/.exec(archive)?.[1];
  if (!archive || !version)
    throw new FerryError('ERR_PEERS_UNPACK', `The source of ${recipe.source} has no .orig.tar.xz`);
  for (const file of recipe.files) await mkdir(join(making, dirname(file)), { recursive: true });
  await extract(join(downloads, archive), making, recipe.files, python);
  const entry = { name: recipe.source, version, ...(await describeFile(join(downloads, archive))) };
  await rm(downloads, { recursive: true });
  return {
    format: 1,
    set: recipe.set,
    recipe: recipeHash(recipe),
    packages: [entry],
    programs: [],
    kernels: [],
  };
}

/** Reads the archive once, and no further than the last of the files. */
const program = `
import os, sys, tarfile
archive, into, *wanted = sys.argv[1:]
left = set(wanted)
with tarfile.open(archive, 'r|xz') as tar:
    for member in tar:
        path = member.name.partition('/')[2]
        if path in left and member.isfile():
            with open(os.path.join(into, path), 'wb') as file:
                file.write(tar.extractfile(member).read())
            left.remove(path)
            if not left:
                break
sys.exit(' '.join(sorted(left)) + ' not found' if left else 0)
`;

async function extract(
  archive: string,
  into: string,
  files: readonly string[],
  python: string,
): Promise<void> {
  const { command, env } = cachedCommand(python, 'python3', 'root/usr/bin/python3.13');
  await writeFile(`${archive}.py`, program);
  const ended = await capture([...command, `${archive}.py`, archive, into, ...files], {
    deadline,
    env: { ...process.env, ...env },
  });
  if (ended.code === 0) return;
  throw new FerryError('ERR_PEERS_UNPACK', `Unpacking ${basename(archive)} failed: ${ended.stderr.trim()}`);
}
