import { NAME_MAX } from '../../../fuse/index.ts';
import { MAX_FILE_SIZE } from '../contents/limits.ts';
import { SYMLINK_MAX, XATTR_VALUE_MAX } from '../limits.ts';
import { Directory, FIRST_COOKIE } from '../tree/directory.ts';
import { ROOT_INO } from '../tree/file-system.ts';
import { FileType, Inode } from '../tree/inode.ts';
import type { LoadedState } from './loaded-state.ts';
import type { RecordFields } from './record-fields.ts';

const NANOS = 1_000_000_000;
const TYPES = new Set<number>([
  FileType.socket,
  FileType.symlink,
  FileType.regular,
  FileType.block,
  FileType.directory,
  FileType.character,
  FileType.fifo,
]);

/** Take in the inodes of a record. */
export function loadInodes(state: LoadedState, fields: RecordFields): void {
  const { fileSystem, totals } = state;
  while (fields.remaining > 0) {
    const inode = decodeInode(state, fields);
    if (fileSystem.inodes.size >= totals.inodes)
      throw fields.error('ERR_FS_STATE_COUNT', 'ino', `more inodes than the ${totals.inodes} announced`);
    fileSystem.restoreInode(inode);
  }
}

function decodeInode(state: LoadedState, fields: RecordFields): Inode {
  const { fileSystem, totals } = state;
  const ino = fields.u64('ino');
  if (ino === 0 || ino >= totals.nextIno)
    throw fields.error('ERR_FS_STATE_VALUE', 'ino', `${ino}, expected 1 to ${totals.nextIno - 1}`);
  if (fileSystem.inodes.has(ino)) throw fields.error('ERR_FS_STATE_DUPLICATE', 'ino', `${ino} came before`);
  const generation = fields.u64('generation');
  if (generation > totals.generation)
    throw fields.error('ERR_FS_STATE_VALUE', 'generation', `${generation}, at most ${totals.generation}`);
  const mode = fields.u32('mode');
  if (mode > 0o177777 || !TYPES.has(mode & FileType.mask))
    throw fields.error('ERR_FS_STATE_VALUE', 'mode', `0${mode.toString(8)} is no file type with permissions`);
  const uid = fields.u32('uid');
  const inode = new Inode(ino, generation, mode, uid, fields.u32('gid'));
  inode.rdev = fields.u32('rdev');
  inode.nlink = fields.u32('nlink');
  inode.lookups = fields.u64('lookups');
  inode.atime = fields.i64('atime');
  inode.atimeNanos = decodeNanos(fields, 'atimeNanos');
  inode.mtime = fields.i64('mtime');
  inode.mtimeNanos = decodeNanos(fields, 'mtimeNanos');
  inode.ctime = fields.i64('ctime');
  inode.ctimeNanos = decodeNanos(fields, 'ctimeNanos');
  inode.btime = fields.i64('btime');
  inode.btimeNanos = decodeNanos(fields, 'btimeNanos');
  decodeKind(state, fields, inode);
  return inode;
}

function decodeNanos(fields: RecordFields, field: string): number {
  const nanos = fields.u32(field);
  if (nanos >= NANOS) throw fields.error('ERR_FS_STATE_VALUE', field, `${nanos}, at most ${NANOS - 1}`);
  return nanos;
}

/** The fields that mean something for one type of file only. */
function decodeKind(state: LoadedState, fields: RecordFields, inode: Inode): void {
  const extent = fields.u64('extent');
  const parent = fields.u64('parent');
  const length = fields.u32('targetLength');
  const isDirectory = inode.type === FileType.directory;
  if (inode.type === FileType.regular) {
    if (extent > MAX_FILE_SIZE)
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'extent',
        `a file of ${extent} bytes, at most ${MAX_FILE_SIZE}`,
      );
    inode.content = state.fileSystem.contents.create();
    inode.content.truncate(extent);
  } else if (isDirectory) {
    if (extent < FIRST_COOKIE)
      throw fields.error('ERR_FS_STATE_VALUE', 'extent', `next cookie ${extent}, at least ${FIRST_COOKIE}`);
    inode.directory = new Directory(inode);
    inode.directory.nextCookie = extent;
  } else if (extent !== 0) throw fields.error('ERR_FS_STATE_VALUE', 'extent', `${extent}, expected 0`);
  const isRemoved = isDirectory && inode.nlink === 0;
  if (isRemoved ? parent === 0 || parent === inode.ino || parent >= state.totals.nextIno : parent !== 0)
    throw fields.error('ERR_FS_STATE_VALUE', 'parent', `${parent} of inode ${inode.ino}`);
  if (isRemoved) state.removedParents.set(inode.ino, parent);
  const isLink = inode.type === FileType.symlink;
  if (isLink ? length === 0 || length > SYMLINK_MAX : length !== 0)
    throw fields.error('ERR_FS_STATE_VALUE', 'targetLength', `${length} bytes`);
  if (!isLink) return;
  inode.target = fields.view(length, 'target').slice();
  if (inode.target.includes(0)) throw fields.error('ERR_FS_STATE_VALUE', 'target', 'a zero byte');
}

/** Take in the names of a record. */
export function loadEntries(state: LoadedState, fields: RecordFields): void {
  const { links, seen, totals } = state;
  while (fields.remaining > 0) {
    if (seen.entries++ >= totals.entries)
      throw fields.error(
        'ERR_FS_STATE_COUNT',
        'directory',
        `more names than the ${totals.entries} announced`,
      );
    const parent = inodeOf(state, fields, 'directory');
    const { directory } = parent;
    if (directory === undefined || parent.nlink === 0)
      throw fields.error(
        'ERR_FS_STATE_REFERENCE',
        'directory',
        `inode ${parent.ino} is no directory in the tree`,
      );
    const cookie = fields.u64('cookie');
    if (cookie <= directory.lastCookie || cookie < FIRST_COOKIE || cookie >= directory.nextCookie)
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'cookie',
        `${cookie}, expected one after ${directory.lastCookie} and before ${directory.nextCookie}`,
      );
    const inode = inodeOf(state, fields, 'ino');
    const name = fields.name(fields.u8('nameLength'), 'name');
    refuseName(fields, name);
    if (directory.get(name) !== undefined)
      throw fields.error('ERR_FS_STATE_DUPLICATE', 'name', `${JSON.stringify(name)} came before`);
    const named = links.get(inode.ino) ?? 0;
    if (inode.directory !== undefined) {
      if (named > 0 || inode.ino === ROOT_INO)
        throw fields.error('ERR_FS_STATE_TREE', 'ino', `directory ${inode.ino} has a second name`);
      inode.directory.parent = parent;
    }
    links.set(inode.ino, named + 1);
    directory.restore(name, inode, cookie);
  }
}

/** Throw where `name` is none that a directory could have. */
export function refuseName(fields: RecordFields, name: string): void {
  if (
    name === '' ||
    name.length > NAME_MAX ||
    name === '.' ||
    name === '..' ||
    name.includes('/') ||
    name.includes('\0')
  )
    throw fields.error('ERR_FS_STATE_VALUE', 'name', `${JSON.stringify(name)} is no name for a file`);
}

/** Take in the extended attributes of a record. */
export function loadXattrs(state: LoadedState, fields: RecordFields): void {
  const { fileSystem, seen, totals } = state;
  while (fields.remaining > 0) {
    if (seen.xattrs++ >= totals.xattrs)
      throw fields.error('ERR_FS_STATE_COUNT', 'ino', `more attributes than the ${totals.xattrs} announced`);
    const inode = inodeOf(state, fields, 'ino');
    const name = fields.name(fields.u8('nameLength'), 'name');
    const length = fields.u32('valueLength');
    if (name === '' || name.includes('\0') || length > XATTR_VALUE_MAX)
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'name',
        `attribute ${JSON.stringify(name)} with ${length} bytes`,
      );
    if (inode.xattrs?.has(name))
      throw fields.error('ERR_FS_STATE_DUPLICATE', 'name', `${JSON.stringify(name)} came before`);
    if (!fileSystem.setXattr(inode, name, fields.view(length, 'value').slice()))
      throw fields.error(
        'ERR_FS_STATE_COUNT',
        'value',
        `over ${fileSystem.limits.xattrBytes} bytes of attributes`,
      );
  }
}

/** The inode that the next field names. */
export function inodeOf(state: LoadedState, fields: RecordFields, field: string): Inode {
  const ino = fields.u64(field);
  const inode = state.fileSystem.inodes.get(ino);
  if (inode === undefined) throw fields.error('ERR_FS_STATE_REFERENCE', field, `there is no inode ${ino}`);
  return inode;
}
