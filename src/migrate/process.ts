import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

const QEMU = /^qemu-(system-[a-z0-9_]+|kvm)$/;
const LOADER = /^ld-linux.*\.so/;

/** One process, told apart from a later one with the same number by the time it was started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

async function stat(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // ESRCH: it went away between opening and reading. Anything else leaves the question open.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
  // The name in parentheses may itself hold spaces and parentheses: fields count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
}

/**
 * The identity of `pid` when it certainly is a QEMU on this host, else undefined. A monitor may be reached through a
 * tunnel or a manager that opened its socket: the end of such a process proves nothing about QEMU.
 */
export async function identifyQemu(pid: number): Promise<ProcessIdentity | undefined> {
  if (pid <= 0) return undefined;
  try {
    const before = await stat(pid);
    const program = basename(await readlink(`/proc/${pid}/exe`));
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').map((word) => basename(word));
    const isQemu = QEMU.test(program) || (LOADER.test(program) && words.some((word) => QEMU.test(word)));
    return before !== undefined && isQemu ? { pid, startTime: before.startTime } : undefined;
  } catch {
    // Another user's process: not ours to look into, so nothing can be proven about it later either.
    return undefined;
  }
}

/** Whether that very process has ended. A zombie has: its descriptors and its guest are gone. */
export async function hasEnded({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  const now = await stat(pid);
  return now === undefined || now.startTime !== startTime || now.state === 'Z' || now.state === 'X';
}
