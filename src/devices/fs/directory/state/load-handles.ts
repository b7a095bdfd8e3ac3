import {
  changeMode,
  closeFile,
  Errno,
  errnoName,
  fileStatus,
  OpenMode,
  reopen,
  seekFile,
  statusOf,
} from '../../../../sys/index.ts';
import { MAX_HANDLES } from '../../limits.ts';
import { FsRefusal } from '../../state/errors.ts';
import { decodeHandle, type SavedHandle, takeLocks } from '../../state/load-session.ts';
import type { RecordFields } from '../../state/record-fields.ts';
import { HandleKind } from '../../state/sections.ts';
import { FileType, PERMISSIONS } from '../../tree/inode.ts';
import { HostDirectory, HostFile, hostFlags } from '../handles.ts';
import type { HostInode } from '../inode.ts';
import { MAX_LISTED_NAMES } from './limits.ts';
import type { LoadedShare } from './loaded-share.ts';
import { knownPath } from './locate.ts';

const SEEK_SET = 0;
/** The owner reads and writes. */
const OWNER_MAY = 0o600;
const WORD = 2n ** 32n;

/** Open the handles of a record. */
export function loadHandles(state: LoadedShare, fields: RecordFields): void {
  const { share, seen, totals } = state;
  while (fields.remaining > 0) {
    if (seen.handles++ >= totals.handles)
      throw fields.error('ERR_FS_STATE_COUNT', 'handle', `more handles than the ${totals.handles} announced`);
    const saved = decodeHandle(fields, totals.nextHandle);
    const { handle, node, kind, position, owners } = saved;
    if (share.files.has(handle) || share.directories.has(handle))
      throw fields.error('ERR_FS_STATE_DUPLICATE', 'handle', `${handle} came before`);
    const inode = share.inodes.get(node);
    if (inode === undefined) throw fields.error('ERR_FS_STATE_REFERENCE', 'ino', `there is no node ${node}`);
    share.inodes.makeRoom();
    if (seen.handles > MAX_HANDLES || !share.canOpen) throw tooMany(totals.handles);
    if (kind === HandleKind.file && inode.type === FileType.regular && position === 0n)
      openFile(state, inode, saved).lockOwners = owners;
    else if (kind === HandleKind.directory && inode.type === FileType.directory && owners === undefined)
      openDirectory(state, inode, saved);
    else
      throw fields.error(
        'ERR_FS_STATE_REFERENCE',
        'kind',
        `handle ${handle} of kind ${kind} on node ${node} of type 0${inode.type.toString(8)}`,
      );
  }
}

function tooMany(handles: number): FsRefusal {
  return new FsRefusal(
    'ERR_FS_LIMIT',
    `The guest has ${handles} files and directories open, more than this process may have: raise its limit on open files`,
  );
}

function openFile(state: LoadedShare, inode: HostInode, { handle, flags }: SavedHandle): HostFile {
  const fd = open(state, inode, hostFlags(flags));
  return state.share.restoreFile(new HostFile(handle, inode, flags, fd));
}

function openDirectory(state: LoadedShare, inode: HostInode, { handle, flags, position }: SavedHandle): void {
  const fd = open(state, inode, OpenMode.readOnly | OpenMode.directory);
  const directory = state.share.restoreDirectory(new HostDirectory(handle, inode, flags, fd));
  if (fd < 0 || position === 0n) return;
  // Elsewhere positions are those of the listing that comes with the state.
  if (state.destination.identity !== 'inode') state.midway.add(directory);
  else if (seekFile(fd, BigInt.asIntN(64, position), SEEK_SET) >= 0) {
    directory.positionLow = Number(position % WORD);
    directory.positionHigh = Number(position / WORD);
  }
}

/** Open the file of `inode` as the guest has it open; -1 where it gets an error for that. */
function open(state: LoadedShare, inode: HostInode, flags: number): number {
  if (inode.lost) return -1;
  const { inodes } = state.share;
  const holding = inodes.descriptor(inode);
  let fd = holding < 0 ? holding : reopen(holding, flags);
  // Only the owner of a file may ask for this.
  if (fd === -Errno.EPERM && holding >= 0) fd = reopen(holding, flags & ~OpenMode.noAtime);
  if (fd === -Errno.EACCES && holding >= 0) fd = reopenAsOwner(holding, flags);
  if (fd >= 0) return fd;
  const path = knownPath(inode);
  state.mismatch(path, `it is open in the guest and cannot be opened here: ${errnoName(-fd)}`);
  return -1;
}

/**
 * Open a file that its owner may not open by now: who makes a file has it open, whatever its permissions are from then on.
 * They are others for a moment, for the owner alone.
 */
function reopenAsOwner(holding: number, flags: number): number {
  if (statusOf(holding) < 0) return -Errno.EACCES;
  const mode = fileStatus.mode & PERMISSIONS;
  if (changeMode(holding, mode | OWNER_MAY) < 0) return -Errno.EACCES;
  const fd = reopen(holding, flags);
  const restored = changeMode(holding, mode);
  if (fd < 0 || restored === 0) return fd;
  closeFile(fd);
  return restored;
}

/** Take in the listings of a record: names are read from there until the guest begins anew. */
export function loadListings(state: LoadedShare, fields: RecordFields): void {
  const { share, listings, seen, destination } = state;
  while (fields.remaining > 0) {
    const handle = fields.u64('handle');
    const cookie = fields.big('cookie');
    const left = fields.u32('left');
    const name = fields.name(fields.u8('nameLength'), 'name');
    const directory = share.directories.get(handle);
    if (directory === undefined)
      throw fields.error('ERR_FS_STATE_REFERENCE', 'handle', `there is no open directory ${handle}`);
    if (name === '' || name.includes('/') || name.includes('\0'))
      throw fields.error('ERR_FS_STATE_VALUE', 'name', `${JSON.stringify(name)} is no name for a file`);
    const listing = listings.get(handle) ?? { left: left + 1, cookies: [], names: [] };
    if (left !== listing.left - 1 || ++seen.listed + left > MAX_LISTED_NAMES)
      throw fields.error('ERR_FS_STATE_COUNT', 'left', `${left} names to come, expected ${listing.left - 1}`);
    listings.set(handle, listing);
    listing.left = left;
    if (directory.fd < 0 || destination.identity === 'inode') continue;
    listing.cookies.push(cookie);
    listing.names.push(name);
    directory.carried = listing;
    state.midway.delete(directory);
  }
}

/** The guest is in the middle of a directory whose position means nothing here, and whose listing was left out. */
export function settleListings(state: LoadedShare): void {
  const { share } = state;
  for (const { handle, inode, flags } of state.midway) {
    state.mismatch(
      knownPath(inode),
      'the guest is in the middle of it, and it has too many names to come along',
    );
    share.closeDirectory(share.directories.get(handle)!);
    share.restoreDirectory(new HostDirectory(handle, inode, flags, -1));
  }
}

/** Take in the locks of a record. */
export function loadLocks({ share, seen, totals }: LoadedShare, fields: RecordFields): void {
  takeLocks({ locks: share.locks, seen, totals }, fields, () => {
    const node = fields.u64('ino');
    if (share.inodes.get(node) !== undefined) return node;
    throw fields.error('ERR_FS_STATE_REFERENCE', 'ino', `there is no node ${node}`);
  });
}
