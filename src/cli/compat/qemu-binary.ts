import { FerryError } from '../../errors.ts';
import { choosePeer, findProgram, type Peers } from '../../launch/index.ts';
import type { QemuProgram } from '../../qemu-compat/index.ts';

/** What names a QEMU. */
export const QEMU =
  'a QEMU: a qemu-system program, or a version such as 10.0 of one on PATH or in the cache of ferry';

/** The QEMU that `text` names. Throws `ERR_PEER_MISSING` where there is none. */
export function chooseQemu(peers: Peers, text: string): QemuProgram {
  if (/^\d+(\.\d+)*$/.test(text)) return choosePeer(peers, 'qemu-system-x86_64', { version: text });
  // What lies in the cache is started through the loader that lies there
  const known = peers.programs.find(({ path }) => path === text);
  if (known !== undefined) return known;
  const path = findProgram(text);
  if (path === undefined) throw new FerryError('ERR_PEER_MISSING', `There is no program ${text}`);
  return { path, command: [path], env: {} };
}
