import {
  closeFile,
  errnoName,
  Fd,
  fileScratch,
  OpenMode,
  reopen,
  statusOf,
  writeAt,
  writeAttribute,
} from '../../../../sys/index.ts';
import { MAX_FILE_SIZE } from '../../contents/limits.ts';
import { SYMLINK_MAX, XATTR_VALUE_MAX } from '../../limits.ts';
import { FsRefusal } from '../../state/errors.ts';
import type { RecordFields } from '../../state/record-fields.ts';
import { FileType } from '../../tree/inode.ts';
import { HostInode } from '../inode.ts';
import { decodeNanos, tooManyFiles } from './load-inodes.ts';
import type { IncomingFile, LoadedShare, MadeFile } from './loaded-share.ts';
import { makeNameless } from './nameless.ts';
import { dropInherited } from './settle.ts';

/** Make the files of a record, still without contents. */
export function loadCarried(state: LoadedShare, fields: RecordFields): void {
  while (fields.remaining > 0) {
    const node = fields.u64('node');
    const file = state.incoming.get(node);
    if (file === undefined || state.made.has(node))
      throw fields.error('ERR_FS_STATE_REFERENCE', 'node', `${node} is not to come here, or came before`);
    const uid = fields.u32('uid');
    const gid = fields.u32('gid');
    const atime = fields.i64('atime');
    const atimeNanos = decodeNanos(fields, 'atimeNanos');
    const xattrs = fields.u32('xattrs');
    const bytes = fields.u64('bytes');
    const type = file.identity.mode & FileType.mask;
    if (file.identity.size > MAX_FILE_SIZE || bytes > (type === FileType.regular ? file.identity.size : 0))
      throw fields.error('ERR_FS_STATE_VALUE', 'bytes', `${bytes} bytes of data in ${file.identity.size}`);
    const target = decodeTarget(fields, type);
    const inode = make(state, node, file, target);
    state.made.set(node, { file, inode, uid, gid, atime, atimeNanos, xattrs, bytes });
  }
}

function decodeTarget(fields: RecordFields, type: number): Uint8Array {
  const length = fields.u32('targetLength');
  if (type === FileType.symlink ? length === 0 || length > SYMLINK_MAX : length !== 0)
    throw fields.error('ERR_FS_STATE_VALUE', 'targetLength', `${length} bytes`);
  const target = fields.view(length, 'target');
  if (target.includes(0)) throw fields.error('ERR_FS_STATE_VALUE', 'target', 'a zero byte');
  return target;
}

function make({ share }: LoadedShare, node: number, file: IncomingFile, target: Uint8Array): HostInode {
  const { inodes, root } = share;
  if (!inodes.hasRoom) throw tooManyFiles();
  const { mode, rdev, size } = file.identity;
  const fd = makeNameless(inodes.descriptor(root), { mode, rdev, size, target });
  if (fd < 0) throw cannot(file, 'made', -fd);
  const result = statusOf(fd);
  if (result < 0) {
    closeFile(fd);
    throw cannot(file, 'looked at', -result);
  }
  const inode = new HostInode(node, file.generation);
  if (inode.type === FileType.regular) dropInherited(fd);
  inode.lookups = file.lookups;
  inode.shownIno = file.shownIno;
  inode.removed = true;
  inodes.restore(inode, fd);
  return inode;
}

/** Take in the extended attributes of a record. */
export function loadXattrs(state: LoadedShare, fields: RecordFields): void {
  while (fields.remaining > 0) {
    const made = madeFile(state, fields);
    const name = fields.name(fields.u8('nameLength'), 'name');
    const length = fields.u32('valueLength');
    if (name === '' || name.includes('\0') || length > XATTR_VALUE_MAX)
      throw fields.error(
        'ERR_FS_STATE_VALUE',
        'name',
        `attribute ${JSON.stringify(name)} with ${length} bytes`,
      );
    if (made.xattrs-- === 0)
      throw fields.error(
        'ERR_FS_STATE_COUNT',
        'node',
        `more attributes than announced for ${made.inode.node}`,
      );
    const value = fields.view(length, 'value');
    setAttribute(state, made, name, value);
  }
}

function setAttribute(state: LoadedShare, { file, inode }: MadeFile, name: string, value: Uint8Array): void {
  const { bytes, address } = fileScratch.name;
  bytes.set(Buffer.from(name, 'latin1'));
  bytes[name.length] = 0;
  fileScratch.buffer.bytes.set(value);
  const fd = state.share.inodes.descriptor(inode);
  const result = writeAttribute(fd, address, fileScratch.buffer.address, value.length, 0);
  if (result < 0) state.mismatch(file.name, `its attribute ${name} cannot be set: ${errnoName(-result)}`);
}

/** Take in the data of a record. */
export function loadContents(state: LoadedShare, fields: RecordFields): void {
  while (fields.remaining > 0) {
    const made = madeFile(state, fields);
    const offset = fields.u64('offset');
    const length = fields.u32('length');
    const { size } = made.file.identity;
    if (length > made.bytes || offset + length > size)
      throw fields.error(
        'ERR_FS_STATE_COUNT',
        'length',
        `${length} bytes at ${offset} of a file of ${size}, ${made.bytes} are still to come`,
      );
    made.bytes -= length;
    writeData(state, made, offset, fields.view(length, 'data'));
  }
}

function writeData(
  { share }: LoadedShare,
  { file, inode }: MadeFile,
  offset: number,
  data: Uint8Array,
): void {
  const number = reopen(share.inodes.descriptor(inode), OpenMode.writeOnly);
  if (number < 0) throw cannot(file, 'opened', -number);
  using fd = new Fd(number, 'a file without a name');
  writeAt(fd, data, offset);
}

function madeFile({ made }: LoadedShare, fields: RecordFields): MadeFile {
  const node = fields.u64('node');
  const file = made.get(node);
  if (file === undefined)
    throw fields.error('ERR_FS_STATE_REFERENCE', 'node', `${node} is no file that comes with its contents`);
  return file;
}

function cannot({ name }: IncomingFile, what: string, errno: number): FsRefusal {
  const known =
    name === '' ? 'A file without a name' : `The file ${JSON.stringify(name)}, which has no name any more,`;
  return new FsRefusal('ERR_FS_CARRIED', `${known} cannot be ${what} here: ${errnoName(errno)}`);
}
