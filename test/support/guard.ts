/**
 * Loaded before every test file (`--import`): when the process ends, its leak registry is empty and it has the
 * descriptors it began with, or it fails. What only an outsider can see (processes and temporary folders left behind)
 * is the runner's to check.
 */
import { readdirSync, readlinkSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { liveResources } from '../../src/sys/index.ts';

/** Open descriptors of this process as `number target`. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    const target = readTarget(number);
    return target === undefined ? [] : [`${number} ${target}`];
  });
}

/** Undefined for the descriptor that listed the folder: it is closed by now. */
function readTarget(number: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${number}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What this process holds: resources that `sys/` tracks, and open descriptors. */
export function holdings(): string[] {
  return [...liveResources(), ...openDescriptors().map((descriptor) => `descriptor ${descriptor}`)];
}

if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined) {
  // The page that carries system call arguments is there from the start and stays
  const before = new Set(holdings());
  process.on('exit', () => {
    const found = holdings().filter((held) => !before.has(held));
    if (found.length === 0) return;
    writeSync(2, `left open when the test file ended:\n${found.map((what) => `  ${what}\n`).join('')}`);
    process.exitCode = 1;
  });
}
