import { FerryError } from '../../../../errors.ts';
import type { RecordWriter } from '../../../../state/index.ts';
import {
  Errno,
  errnoName,
  Fd,
  fileScratch,
  fileStatus,
  listAttributes,
  OpenMode,
  readAt,
  readAttribute,
  readLink,
  reopen,
  seekData,
  seekHole,
  statusOf,
} from '../../../../sys/index.ts';
import { RecordBatch } from '../../state/record-batch.ts';
import { FileType } from '../../tree/inode.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { knownPath } from './locate.ts';
import { Sections } from './sections.ts';

const CARRIED_SIZE = 44;
const XATTR_SIZE = 13;
const CONTENTS_SIZE = 20;

/** Bytes that are read by one call, and that one entry has at most. */
const CHUNK = 512 * 1024;

/** A file without a name, open for what has to be read of it. */
interface Carried {
  readonly inode: HostInode;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** Write the files without a name: attributes, extended attributes, contents. Throws `ERR_FS_SAVE` naming the file. */
export function saveCarried(share: Share, inodes: readonly HostInode[], records: RecordWriter): void {
  const carried = inodes.map((inode): Carried => ({ inode, xattrs: xattrsOf(share, inode) }));
  const batch = new RecordBatch(records, Sections.carried);
  for (const each of carried) putCarried(batch, share, each);
  batch.flush();
  saveXattrs(carried, records);
  saveContents(share, inodes, records);
}

function putCarried(batch: RecordBatch, share: Share, { inode, xattrs }: Carried): void {
  const fd = holding(share, inode);
  const target = inode.type === FileType.symlink ? targetOf(inode, fd) : undefined;
  const bytes = inode.type === FileType.regular ? dataIn(inode, fd) : 0;
  succeed(inode, 'looked at', statusOf(fd));
  batch.begin(CARRIED_SIZE + (target?.length ?? 0));
  batch.u64(inode.node);
  batch.u32(fileStatus.uid);
  batch.u32(fileStatus.gid);
  batch.u64(fileStatus.atime);
  batch.u32(fileStatus.atimeNanos);
  batch.u32(xattrs.size);
  batch.u64(bytes);
  batch.u32(target?.length ?? 0);
  if (target !== undefined) batch.data(target);
}

function saveXattrs(carried: readonly Carried[], records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.xattrs);
  for (const { inode, xattrs } of carried)
    for (const [name, value] of xattrs) {
      batch.begin(XATTR_SIZE + name.length + value.length);
      batch.u64(inode.node);
      batch.u8(name.length);
      batch.name(name);
      batch.u32(value.length);
      batch.data(value);
    }
  batch.flush();
}

function saveContents(share: Share, inodes: readonly HostInode[], records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.contents);
  const chunk = new Uint8Array(CHUNK);
  for (const inode of inodes) {
    if (inode.type !== FileType.regular) continue;
    using file = openToRead(inode, holding(share, inode));
    for (const { start, end } of stretches(file))
      for (let at = start; at < end; ) {
        const length = readAt(file, chunk.subarray(0, Math.min(CHUNK, end - at)), at);
        if (length === 0) throw cannot(inode, 'read', `it ended at byte ${at}`);
        batch.begin(CONTENTS_SIZE + length);
        batch.u64(inode.node);
        batch.u64(at);
        batch.u32(length);
        batch.data(chunk.subarray(0, length));
        at += length;
      }
  }
  batch.flush();
}

/** Where a file has data. */
function* stretches(file: Fd): Generator<{ start: number; end: number }> {
  for (let start = seekData(file, 0); start !== undefined; ) {
    const end = seekHole(file, start) ?? start;
    if (end <= start) return;
    yield { start, end };
    start = seekData(file, end);
  }
}

function dataIn(inode: HostInode, fd: number): number {
  using file = openToRead(inode, fd);
  let bytes = 0;
  for (const { start, end } of stretches(file)) bytes += end - start;
  return bytes;
}

function xattrsOf(share: Share, inode: HostInode): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  const fd = holding(share, inode);
  const { address, bytes } = fileScratch.buffer;
  const listed = listAttributes(fd, address, bytes.length);
  if (listed < 0) {
    // What has no attributes at all says so in its own way.
    if (inode.type !== FileType.regular && inode.type !== FileType.directory) return xattrs;
    if (listed === -Errno.EOPNOTSUPP) return xattrs;
    succeed(inode, 'asked for its attributes', listed);
  }
  const names = Buffer.from(bytes.subarray(0, listed)).toString('latin1').split('\0');
  for (const name of names.filter((each) => each !== '')) {
    const size = readAttribute(fd, nameInScratch(name), address, bytes.length);
    if (size === -Errno.ENODATA) continue;
    xattrs.set(name, bytes.slice(0, succeed(inode, `asked for ${name}`, size)));
  }
  return xattrs;
}

/** The address of the name of an attribute, which is not where values are put. */
function nameInScratch(name: string): number {
  const { address, bytes } = fileScratch.name;
  bytes.set(Buffer.from(name, 'latin1'));
  bytes[name.length] = 0;
  return address;
}

function targetOf(inode: HostInode, fd: number): Uint8Array {
  const { address, bytes } = fileScratch.buffer;
  const length = succeed(inode, 'asked where it points to', readLink(fd, address, bytes.length));
  return bytes.slice(0, length);
}

function openToRead(inode: HostInode, fd: number): Fd {
  return new Fd(succeed(inode, 'opened', reopen(fd, OpenMode.readOnly)), 'a file without a name');
}

function holding(share: Share, inode: HostInode): number {
  return succeed(inode, 'opened', share.inodes.descriptor(inode));
}

function succeed(inode: HostInode, what: string, result: number): number {
  if (result < 0) throw cannot(inode, what, errnoName(-result));
  return result;
}

function cannot(inode: HostInode, what: string, why: string): FerryError {
  const name = knownPath(inode);
  const known = name === '' ? '' : `, ${name} when it had one,`;
  return new FerryError(
    'ERR_FS_SAVE',
    `The file without a name with node id ${inode.node}${known} cannot be ${what}: ${why}`,
  );
}
