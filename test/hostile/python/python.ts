import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedCommand, cacheFolder, decodeManifest, type Peer } from '../../../src/launch/index.ts';

/** How the Python of the peers' cache is started; the machine's own, if it has any, is not used. */
export async function cachedPython(): Promise<Pick<Peer, 'command' | 'env'>> {
  const folder = join(cacheFolder(), 'peers', 'trixie');
  const { programs } = decodeManifest(await readFile(join(folder, 'manifest.json'), 'utf8'));
  const python = programs.find(({ name }) => name === 'python3');
  if (python === undefined) throw new Error(`${folder} has no python3; tools/peers/fetch.ts fetches it`);
  return cachedCommand(folder, python.name, python.path);
}
