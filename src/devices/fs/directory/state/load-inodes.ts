import { closeFile, errnoName, openBeneath, statusOf } from '../../../../sys/index.ts';
import { FsRefusal } from '../../state/errors.ts';
import { refuseName } from '../../state/load-tree.ts';
import type { RecordFields } from '../../state/record-fields.ts';
import { FileType } from '../../tree/inode.ts';
import { HostInode } from '../inode.ts';
import { HOLD } from '../inode-table.ts';
import { differenceOf, type FileIdentity, identityOf } from './identity.ts';
import type { IncomingFile, LoadedShare } from './loaded-share.ts';
import { knownPath } from './locate.ts';
import { Mismatch } from './mismatch.ts';
import { nameAddress, PATH_LENGTH, refusePath } from './names.ts';
import { Place } from './sections.ts';

/** The node id of the shared directory itself. */
const ROOT_NODE = 1;
const NANOS = 1_000_000_000;
const TYPES = new Set<number>(Object.values(FileType));
/** No file system has it: an inode with this device number is never found by what a file is. */
const NOWHERE = -1;

/** An inode as it was saved. */
interface SavedInode extends IncomingFile {
  readonly node: number;
  readonly place: number;
  readonly parent: HostInode | undefined;
}

/** Take in the inodes of a record: each is opened where it is said to be, and looked at. */
export function loadInodes(state: LoadedShare, fields: RecordFields): void {
  const { inodes } = state.share;
  while (fields.remaining > 0) {
    if (state.seen.inodes++ >= state.totals.inodes)
      throw fields.error(
        'ERR_FS_STATE_COUNT',
        'node',
        `more inodes than the ${state.totals.inodes} announced`,
      );
    const saved = decodeInode(state, fields);
    inodes.makeRoom();
    if (saved.place === Place.root) takeRoot(state, saved);
    else if (saved.place === Place.carried) state.incoming.set(saved.node, saved);
    else if (saved.place === Place.gone) takeLost(state, saved);
    else takeFile(state, saved);
  }
}

function decodeInode(state: LoadedShare, fields: RecordFields): SavedInode {
  const { totals, share, seen, incoming } = state;
  const node = fields.u64('node');
  if (node === 0 || node >= totals.nextNode)
    throw fields.error('ERR_FS_STATE_VALUE', 'node', `${node}, expected 1 to ${totals.nextNode - 1}`);
  const isRoot = node === ROOT_NODE;
  if (isRoot ? seen.inodes > 1 : share.inodes.get(node) !== undefined || incoming.has(node))
    throw fields.error('ERR_FS_STATE_DUPLICATE', 'node', `${node} came before`);
  const generation = fields.u64('generation');
  if (generation > totals.generation)
    throw fields.error('ERR_FS_STATE_VALUE', 'generation', `${generation}, at most ${totals.generation}`);
  const lookups = fields.u64('lookups');
  const place = fields.u32('place');
  if (
    place === 0 ||
    place > Place.lost ||
    (place === Place.root) !== isRoot ||
    (seen.inodes === 1) !== isRoot
  )
    throw fields.error(
      'ERR_FS_STATE_VALUE',
      'place',
      `${place} of node ${node}, inode ${seen.inodes} of the state`,
    );
  const parent = decodeParent(state, fields, place);
  const shownIno = fields.u64('shownIno');
  const identity = decodeIdentity(fields);
  const length = fields.u32('nameLength');
  if (length > PATH_LENGTH)
    throw fields.error('ERR_FS_STATE_VALUE', 'nameLength', `${length} bytes, at most ${PATH_LENGTH}`);
  const name = fields.name(length, 'name');
  if (place === Place.child) refuseName(fields, name);
  else if (place === Place.path) refusePath(fields, name);
  else if (isRoot && name !== '') throw fields.error('ERR_FS_STATE_VALUE', 'name', 'the root has a name');
  return { node, generation, lookups, place, parent, shownIno, identity, name };
}

function decodeParent({ share }: LoadedShare, fields: RecordFields, place: number): HostInode | undefined {
  const node = fields.u64('parent');
  if (place !== Place.child) {
    if (node === 0) return undefined;
    throw fields.error('ERR_FS_STATE_VALUE', 'parent', `${node}, expected 0`);
  }
  const parent = share.inodes.get(node);
  if (parent?.type === FileType.directory) return parent;
  throw fields.error('ERR_FS_STATE_REFERENCE', 'parent', `no directory ${node} came before`);
}

function decodeIdentity(fields: RecordFields): FileIdentity {
  const inoLow = fields.u32('ino');
  const inoHigh = fields.u32('ino');
  const mode = fields.u32('mode');
  const type = mode & FileType.mask;
  if (mode > 0o177777 || !TYPES.has(type) || type === FileType.mask)
    throw fields.error('ERR_FS_STATE_VALUE', 'mode', `0${mode.toString(8)} is no file type with permissions`);
  return {
    ...{ inoLow, inoHigh, mode },
    rdev: fields.u32('rdev'),
    size: fields.u64('size'),
    mtime: fields.i64('mtime'),
    mtimeNanos: decodeNanos(fields, 'mtimeNanos'),
    btime: fields.i64('btime'),
    btimeNanos: decodeNanos(fields, 'btimeNanos'),
    handle: fields.view(fields.u8('handleLength'), 'handle').slice(),
  };
}

/** Read nanoseconds, which are less than a second. */
export function decodeNanos(fields: RecordFields, field: string): number {
  const nanos = fields.u32(field);
  if (nanos >= NANOS) throw fields.error('ERR_FS_STATE_VALUE', field, `${nanos}, at most ${NANOS - 1}`);
  return nanos;
}

/** Another directory than the source's is no matter of a single file, whatever is to be done about those. */
function takeRoot({ share, destination, totals }: LoadedShare, { identity, lookups }: SavedInode): void {
  const { root, inodes } = share;
  const fd = inodes.descriptor(root);
  const result = statusOf(fd);
  const difference =
    result < 0
      ? `it cannot be looked at: ${errnoName(-result)}`
      : differenceOf(identityOf(fd, identity.handle.length > 0), identity, destination.identity);
  if (difference !== undefined) throw new Mismatch('', difference);
  root.lookups = lookups;
  inodes.nextNode = totals.nextNode;
  inodes.generation = totals.generation + 1;
}

function takeFile(state: LoadedShare, saved: SavedInode): void {
  const trouble = openFile(state, saved);
  if (trouble === undefined) return;
  const { parent, name } = saved;
  state.mismatch(parent === undefined || parent.name === '' ? name : `${knownPath(parent)}/${name}`, trouble);
  takeLost(state, saved);
}

/** Open the file and take it in; or say why that cannot be done. */
function openFile(state: LoadedShare, saved: SavedInode): string | undefined {
  const { inodes, root } = state.share;
  const { place, parent = root, name } = saved;
  if (place === Place.lost) return 'the source could not find it beneath the directory any more';
  const dir = inodes.descriptor(parent);
  if (dir < 0) return `the directory that it was in cannot be reached: ${errnoName(-dir)}`;
  const fd = openBeneath(dir, nameAddress(name), HOLD);
  if (fd < 0) return `it cannot be opened: ${errnoName(-fd)}`;
  const trouble = differenceAt(state, saved, fd);
  if (trouble === undefined) keep(state, saved, fd);
  else closeFile(fd);
  return trouble;
}

function differenceAt(
  { share, destination }: LoadedShare,
  saved: SavedInode,
  fd: number,
): string | undefined {
  const result = statusOf(fd);
  if (result < 0) return `it cannot be looked at: ${errnoName(-result)}`;
  const { identity: expected } = saved;
  const difference = differenceOf(identityOf(fd, expected.handle.length > 0), expected, destination.identity);
  if (difference !== undefined) return difference;
  const other = share.inodes.find();
  return other === undefined ? undefined : `it is the same file as ${JSON.stringify(knownPath(other))}`;
}

/** Take in the file that `fileStatus` describes and `fd` points at. */
function keep(
  { share }: LoadedShare,
  { node, generation, lookups, parent, name }: SavedInode,
  fd: number,
): void {
  const { inodes } = share;
  const inode = new HostInode(node, generation);
  inode.lookups = lookups;
  const { hasRoom } = inodes;
  if (!hasRoom) closeFile(fd);
  if (!hasRoom && parent === undefined) throw tooManyFiles();
  inodes.restore(inode, hasRoom ? fd : -1);
  if (parent !== undefined) inodes.placeByName(inode, parent, name);
}

/** The error for files that have to be held by a descriptor, because nothing would lead to them again. */
export function tooManyFiles(): FsRefusal {
  return new FsRefusal(
    'ERR_FS_LIMIT',
    'The guest refers to more files without a name than this process has descriptors for: raise its limit on open files',
  );
}

/** Keep what the guest refers to, so that it can give it back; every other request about it is answered ESTALE. */
function takeLost({ share }: LoadedShare, saved: SavedInode): void {
  const { node, generation, lookups, parent, identity, name, shownIno } = saved;
  const type = identity.mode & FileType.mask;
  const inode = new HostInode(node, generation, { ...identity, dev: NOWHERE, inoLow: node | 0, type });
  inode.lookups = lookups;
  inode.lost = true;
  inode.shownIno = shownIno;
  share.inodes.restore(inode, -1);
  if (parent !== undefined) share.inodes.placeByName(inode, parent, name);
  else inode.name = name;
}
