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

/** A file without a name, and what there is of it: others may have it open too, so that each is asked for once. */
interface Carried {
  readonly inode: HostInode;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly stretches: readonly Stretch[];
}

/** A part of a file that has data. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Write the files without a name: attributes, extended attributes, contents. Throws `ERR_FS_SAVE` naming the file. */
export function saveCarried(share: Share, inodes: readonly HostInode[], records: RecordWriter): void {
  const carried = inodes.map((inode): Carried => {
    const fd = holding(share, inode);
    return { inode, xattrs: xattrsOf(inode, fd), stretches: stretchesOf(inode, fd) };
  });
  const batch = new RecordBatch(records, Sections.carried);
  for (const each of carried) putCarried(batch, share, each);
  batch.flush();
  saveXattrs(carried, records);
  saveContents(share, carried, records);
}

function putCarried(batch: RecordBatch, share: Share, { inode, xattrs, stretches }: Carried): void {
  const fd = holding(share, inode);
  // Looking at where a link points to is reading it.
  succeed(inode, 'looked at', statusOf(fd));
  const { uid, gid, atime, atimeNanos } = fileStatus;
  const target = inode.type === FileType.symlink ? targetOf(inode, fd) : undefined;
  batch.begin(CARRIED_SIZE + (target?.length ?? 0));
  batch.u64(inode.node);
  batch.u32(uid);
  batch.u32(gid);
  batch.u64(atime);
  batch.u32(atimeNanos);
  batch.u32(xattrs.size);
  batch.u64(stretches.reduce((sum, { start, end }) => sum + end - start, 0));
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

function saveContents(share: Share, carried: readonly Carried[], records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.contents);
  const chunk = new Uint8Array(CHUNK);
  for (const { inode, stretches } of carried) {
    if (stretches.length === 0) continue;
    using file = openToRead(inode, holding(share, inode));
    for (const { start, end } of stretches)
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

function stretchesOf(inode: HostInode, fd: number): Stretch[] {
  const stretches: Stretch[] = [];
  if (inode.type !== FileType.regular) return stretches;
  using file = openToRead(inode, fd);
  for (let start = seekData(file, 0); start !== undefined; ) {
    const end = seekHole(file, start);
    if (end === undefined || end <= start) break;
    stretches.push({ start, end });
    start = seekData(file, end);
  }
  return stretches;
}

function xattrsOf(inode: HostInode, fd: number): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
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

/** Open a file without being seen to read it, as far as this process may. */
function openToRead(inode: HostInode, fd: number): Fd {
  let file = reopen(fd, OpenMode.readOnly | OpenMode.noAtime);
  if (file === -Errno.EPERM) file = reopen(fd, OpenMode.readOnly);
  return new Fd(succeed(inode, 'opened', file), 'a file without a name');
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
