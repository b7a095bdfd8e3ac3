import { Directory } from '../tree/directory.ts';
import { ROOT_INO } from '../tree/file-system.ts';
import { FileType, Inode } from '../tree/inode.ts';
import { FsStateError } from './errors.ts';
import type { LoadedState } from './loaded-state.ts';

/**
 * Check what can only be told when all has been read: that everything announced has come, that link counts agree with
 * the names, that every directory is reached from the root, and that nothing is there that nobody refers to.
 */
export function verifyTree(state: LoadedState): void {
  verifyTotals(state);
  verifySession(state);
  verifyLocks(state);
  const { fileSystem, removedParents } = state;
  const root = fileSystem.inodes.get(ROOT_INO);
  if (root?.directory === undefined)
    throw new FsStateError(
      'ERR_FS_STATE_TREE',
      'inodes',
      `inode ${ROOT_INO}, the root, is no directory or missing`,
    );
  const subdirectories = countReached(root);
  for (const inode of fileSystem.inodes.values()) verifyInode(state, inode, subdirectories);
  for (const [ino, parentIno] of removedParents) {
    const parent = fileSystem.inodes.get(parentIno) ?? goneDirectory(parentIno);
    if (parent.directory === undefined)
      throw new FsStateError(
        'ERR_FS_STATE_REFERENCE',
        'inodes.parent',
        `${parentIno} of ${ino} is no directory`,
      );
    fileSystem.inodes.get(ino)!.directory!.parent = parent;
  }
}

/** Stands for a directory that is not there any more and that `..` of a removed one still names. */
function goneDirectory(ino: number): Inode {
  const inode = new Inode(ino, 0, FileType.directory, 0, 0);
  inode.directory = new Directory(inode);
  return inode;
}

function verifyTotals({ fileSystem, totals, seen }: LoadedState): void {
  const { contents, inodes, locks } = fileSystem;
  const used = contents.totalPages - contents.freePages;
  verifyCount('inodes', inodes.size, totals.inodes);
  verifyCount('entries', seen.entries, totals.entries);
  verifyCount('xattrs', seen.xattrs, totals.xattrs);
  verifyCount('contents', used, totals.pages);
  verifyCount('handles', seen.handles, totals.handles);
  verifyCount('locks', locks.held, totals.locks);
}

/** Handles, locks and lookup counts are a session's: there are none before FUSE_INIT has been answered. */
function verifySession({ fileSystem, seen }: LoadedState): void {
  if (fileSystem.session !== undefined) return;
  const lookups = fileSystem.inodes.values().some((inode) => inode.lookups > 0);
  if (seen.handles === 0 && seen.locks === 0 && !lookups) return;
  const what = lookups
    ? 'inodes that the guest refers to'
    : `${seen.handles} handles and ${seen.locks} locks`;
  throw new FsStateError('ERR_FS_STATE_REFERENCE', 'negotiated', `no such record, but ${what}`);
}

function verifyLocks({ fileSystem }: LoadedState): void {
  const found = fileSystem.locks.findInconsistent();
  if (found === undefined) return;
  const { start, end, owner } = found.lock;
  throw new FsStateError(
    'ERR_FS_STATE_VALUE',
    'locks',
    `bytes ${start} to ${end} of inode ${found.node} cannot be locked by ${owner} beside the other locks`,
  );
}

function verifyCount(section: string, found: number, announced: number): void {
  if (found !== announced)
    throw new FsStateError('ERR_FS_STATE_COUNT', section, `${found} came, ${announced} were announced`);
}

/** The directories that are reached from the root by their names, each with how many directories it has in it. */
function countReached(root: Inode): Map<Inode, number> {
  const reached = new Map<Inode, number>();
  const open = [root];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    let count = 0;
    for (const [, inode] of parent.directory!.entries()) {
      if (inode.directory === undefined) continue;
      count++;
      open.push(inode);
    }
    reached.set(parent, count);
  }
  return reached;
}

function verifyInode(state: LoadedState, inode: Inode, subdirectories: Map<Inode, number>): void {
  const { ino, nlink } = inode;
  if (inode.unreferenced)
    throw new FsStateError('ERR_FS_STATE_REFERENCE', 'inodes.nlink', `nothing refers to inode ${ino}`);
  let names = state.links.get(ino) ?? 0;
  if (inode.directory !== undefined) {
    const inside = subdirectories.get(inode);
    if (inside === undefined && names > 0)
      throw new FsStateError(
        'ERR_FS_STATE_TREE',
        'entries',
        `directory ${ino} is in a circle of directories`,
      );
    names = inside === undefined ? 0 : inside + 2;
  }
  if (nlink !== names)
    throw new FsStateError(
      'ERR_FS_STATE_COUNT',
      'inodes.nlink',
      `${nlink} of inode ${ino}, but ${names} by its names`,
    );
}
