import { access, constants, readFile, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { choosePeer, findPeers, findProgram } from '../launch/index.ts';
import type { QemuProgram } from './description.ts';
import { QemuCompatError } from './errors.ts';

const QEMU = /^qemu-(system-[a-z0-9_]+|kvm)$/;
const LOADER = /^ld-linux.*\.so/;

/** Arguments that say where a QEMU finds what it needs, with the value that follows each. */
const OF_THE_PROGRAM: ReadonlySet<string> = new Set(['-L']);

/** Variables that decide what a QEMU loads. */
const VARIABLES: ReadonlySet<string> = new Set(['QEMU_MODULE_DIR', 'LD_LIBRARY_PATH']);

/**
 * The QEMU that people name as `where`: a path, a name on PATH, or a version such as `10.0` of what is on PATH or in the
 * cache. Programs of the cache are started through their own loader. Throws `ERR_QEMU_START` when there is none.
 */
export async function programAt(where: string): Promise<QemuProgram> {
  if (/^\d+(\.\d+)*$/.test(where))
    return choosePeer(await findPeers(), 'qemu-system-x86_64', { version: where });
  const found = findProgram(where);
  if (found === undefined)
    throw new QemuCompatError('ERR_QEMU_START', `${where} cannot be started: there is no such program here`);
  const path = await realpath(found);
  const cached = (await findPeers({ path: '' })).programs.find(
    (peer) => peer.path === path || peer.path === found,
  );
  return cached ?? { path: found, command: [found], env: {} };
}

/**
 * The QEMU that process `pid` runs, so that it can be started again, also where its file has been replaced since. Undefined
 * when that process is no QEMU, or another user's.
 */
export async function programOf(pid: number): Promise<QemuProgram | undefined> {
  try {
    const link = `/proc/${pid}/exe`;
    const file = await readlink(link);
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const env = variables(await readFile(`/proc/${pid}/environ`, 'utf8'));
    // A file that was replaced is still there behind the link
    const program = (await isThere(file)) ? file : link;
    if (QEMU.test(basename(file).replace(/ \(deleted\)$/, '')))
      return { path: program, command: [program, ...ownArguments(words.slice(1))], env };
    const at = words.findIndex((word) => QEMU.test(basename(word)));
    if (!LOADER.test(basename(file)) || at < 1) return undefined;
    const path = words[at]!;
    return { path, command: [program, ...words.slice(1, at + 1), ...ownArguments(words.slice(at + 1))], env };
  } catch {
    // Another user's process, or one that has ended: not ours to look into
    return undefined;
  }
}

function ownArguments(words: readonly string[]): string[] {
  return words.flatMap((word, index) => (OF_THE_PROGRAM.has(word) ? words.slice(index, index + 2) : []));
}

function variables(environ: string): Record<string, string> {
  const entries = environ.split('\0').map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries.filter(([name]) => VARIABLES.has(name)));
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
