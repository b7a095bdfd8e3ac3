import {
  changeMode,
  changeOwner,
  changeTimes,
  Errno,
  errnoName,
  fileScratch,
  removeAttribute,
} from '../../../../sys/index.ts';
import { FileType, PERMISSIONS } from '../../tree/inode.ts';
import type { LoadedShare, MadeFile } from './loaded-share.ts';

const WORD = 2 ** 32;

/** An access control list that a new file inherits from the directory that it is made in. */
const INHERITED = Buffer.from('system.posix_acl_access\0');

/** Give carried files the owners, permissions and times that they had, now that nothing is written to them any more. */
export function settleCarried(state: LoadedShare): void {
  state.share.setup.credentials.keepSetIds(true);
  for (const made of state.made.values()) {
    const fd = state.share.inodes.descriptor(made.inode);
    // Nothing refers to it, and it is gone again.
    if (fd < 0) continue;
    const isLink = made.inode.type === FileType.symlink;
    const { mode } = made.file.identity;
    // A change of owner takes setuid bits away.
    allow(state, made, 'owner', changeOwner(fd, made.uid, made.gid));
    if (!isLink) allow(state, made, 'permissions', changeMode(fd, mode & PERMISSIONS));
    putTimes(made);
    allow(state, made, 'times', changeTimes(fd));
  }
}

/** A list that the shared directory gives to what is made in it is not the file's own. */
export function dropInherited(fd: number): void {
  fileScratch.name.bytes.set(INHERITED);
  removeAttribute(fd, fileScratch.name.address);
}

function putTimes({ atime, atimeNanos, file: { identity } }: MadeFile): void {
  const { words } = fileScratch.times;
  for (const [at, seconds, nanos] of [
    [0, atime, atimeNanos],
    [4, identity.mtime, identity.mtimeNanos],
  ] as const) {
    words[at] = seconds % WORD;
    words[at + 1] = Math.floor(seconds / WORD);
    words[at + 2] = nanos;
    words[at + 3] = 0;
  }
}

/** What only a privileged process may do is left undone by others; anything else is a mismatch. */
function allow(state: LoadedShare, { file }: MadeFile, what: string, result: number): void {
  if (result < 0 && result !== -Errno.EPERM)
    state.mismatch(file.name, `its ${what} cannot be set: ${errnoName(-result)}`);
}
