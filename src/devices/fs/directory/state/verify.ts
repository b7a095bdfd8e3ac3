import { FsStateError } from '../../state/errors.ts';
import type { LoadedShare } from './loaded-share.ts';

/** Check what can only be told when all has been read, and drop what nothing refers to. */
export function verifyShare(state: LoadedShare): void {
  const { seen, totals } = state;
  verifyCount('inodes', seen.inodes, totals.inodes);
  verifyCount('handles', seen.handles, totals.handles);
  verifyCount('locks', state.share.locks.held, totals.locks);
  verifyCarried(state);
  for (const [handle, { left }] of state.listings)
    if (left > 0)
      throw new FsStateError(
        'ERR_FS_STATE_COUNT',
        'listings',
        `${left} names of handle ${handle} are missing`,
      );
  verifySession(state);
  verifyLocks(state);
  // Directories that files were in which are found by their whole path
  for (const inode of state.share.inodes.values()) state.share.forget(inode.node, 0);
}

function verifyCarried({ incoming, made }: LoadedShare): void {
  verifyCount('carried', made.size, incoming.size);
  for (const [node, { xattrs, bytes }] of made)
    if (xattrs > 0 || bytes > 0)
      throw new FsStateError(
        'ERR_FS_STATE_COUNT',
        'carried',
        `${bytes} bytes and ${xattrs} attributes of node ${node} are missing`,
      );
}

/** Handles, locks and lookup counts are a session's: there are none before FUSE_INIT has been answered. */
function verifySession({ share, seen }: LoadedShare): void {
  if (share.session !== undefined) return;
  let lookups = false;
  for (const inode of share.inodes.values()) lookups ||= inode.lookups > 0;
  if (seen.handles === 0 && seen.locks === 0 && !lookups) return;
  const what = lookups
    ? 'inodes that the guest refers to'
    : `${seen.handles} handles and ${seen.locks} locks`;
  throw new FsStateError('ERR_FS_STATE_REFERENCE', 'negotiated', `no such record, but ${what}`);
}

function verifyLocks({ share }: LoadedShare): void {
  const found = share.locks.findInconsistent();
  if (found === undefined) return;
  const { start, end, owner } = found.lock;
  throw new FsStateError(
    'ERR_FS_STATE_VALUE',
    'locks',
    `bytes ${start} to ${end} of node ${found.node} cannot be locked by ${owner} beside the other locks`,
  );
}

function verifyCount(section: string, found: number, announced: number): void {
  if (found !== announced)
    throw new FsStateError('ERR_FS_STATE_COUNT', section, `${found} came, ${announced} were announced`);
}
