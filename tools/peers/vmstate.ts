/** QEMU's own check of what two of its binaries send, and what it works on. */
import { join } from 'node:path';
import { FerryError } from '../../src/errors.ts';
import { type Captured, cachedCommand, capture, type Peer } from '../../src/launch/index.ts';
import { sourceRecipe } from './recipe.ts';

const deadline = 60_000;

/** What QEMU publishes to try its checker on: each lacks something that the other has. */
export function publishedDumps(cache: string): [string, string] {
  const folder = join(cache, 'peers', sourceRecipe.set, 'tests/vmstate-static-checker-data');
  return [join(folder, 'dump1.json'), join(folder, 'dump2.json')];
}

/** QEMU's checker, a Python program. */
export function checkerScript(cache: string): string {
  return join(cache, 'peers', sourceRecipe.set, 'scripts/vmstate-static-checker.py');
}

/** Runs QEMU's checker by the cached Python; it ends with the number of its complaints, which are lines of `stdout`. */
export function runChecker(cache: string, source: string, destination: string): Promise<Captured> {
  return runPython(cache, [checkerScript(cache), '-s', source, '-d', destination]);
}

/** Runs the cached Python. */
export function runPython(cache: string, args: readonly string[]): Promise<Captured> {
  const { command, env } = cachedCommand(join(cache, 'peers/trixie'), 'python3', 'root/usr/bin/python3.13');
  return capture([...command, ...args], { deadline, env: { ...process.env, ...env } });
}

/** Has a QEMU write the descriptions of its devices' state into `file`. */
export async function dumpVmstate(qemu: Peer, machine: string, file: string): Promise<void> {
  const words = ['-display', 'none', '-nodefaults', '-machine', machine, '-dump-vmstate', file];
  const ended = await capture([...qemu.command, ...words], {
    deadline,
    env: { ...process.env, ...qemu.env },
  });
  if (ended.code === 0) return;
  throw new FerryError(
    'ERR_PEERS_START',
    `QEMU ${qemu.version} -dump-vmstate ended with ${ended.code ?? ended.signal}: ${ended.stderr.trim()}`,
  );
}
