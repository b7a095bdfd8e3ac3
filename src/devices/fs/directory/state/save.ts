import type { RecordWriter } from '../../../../state/index.ts';
import { fileStatus } from '../../../../sys/index.ts';
import { RecordBatch } from '../../state/record-batch.ts';
import { putDirectory, putFile, saveLocks, saveNegotiated } from '../../state/save.ts';
import type { HostInode } from '../inode.ts';
import type { Share } from '../share.ts';
import { describedDevice, describedSize, handleOf } from './identity.ts';
import { Locator, parentsFirst } from './locate.ts';
import { saveCarried } from './save-carried.ts';
import { positionOf, saveListings } from './save-listings.ts';
import { Place, Sections } from './sections.ts';

/** Bytes of an inode beside its name and file handle. */
const INODE_SIZE = 97;
/** Bytes of a struct file_handle before its type. */
const HANDLE_LENGTH = 4;
const NONE = new Uint8Array(0);

/**
 * Write everything that the guest may refer to as records in the order of `SECTION_ORDER`: where each file is and what
 * tells it from others, and with their contents those that have no name any more. Nothing is changed. Throws
 * `ERR_FS_SAVE` for a file without a name that cannot be read, and what `records` throws.
 */
export function saveShare(share: Share, records: RecordWriter): void {
  saveHead(share, records);
  saveNegotiated(share.session, records);
  saveCarried(share, saveInodes(share, records), records);
  saveHandles(share, records);
  saveListings(share, records);
  saveLocks(share.locks, records);
}

function saveHead({ inodes, files, directories, locks, nextHandle }: Share, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.head);
  batch.u64(inodes.size);
  batch.u64(files.size + directories.size);
  batch.u64(locks.held);
  batch.u64(inodes.nextNode);
  batch.u64(nextHandle);
  batch.u64(inodes.generation);
  batch.flush();
}

/** Returns the inodes that have to go with their contents. */
function saveInodes(share: Share, records: RecordWriter): HostInode[] {
  const { inodes } = share;
  const batch = new RecordBatch(records, Sections.inodes);
  const locator = new Locator(share);
  const carried: HostInode[] = [];
  for (const inode of parentsFirst(() => inodes.values())) {
    inodes.makeRoom();
    locator.find(inode);
    putInode(batch, inode, locator);
    if (locator.place === Place.carried) carried.push(inode);
  }
  batch.flush();
  return carried;
}

function putInode(
  batch: RecordBatch,
  inode: HostInode,
  { place, directory, name, described }: Locator,
): void {
  const handle = described ? fileHandle(inode) : NONE;
  batch.begin(INODE_SIZE + handle.length + name.length);
  batch.u64(inode.node);
  batch.u64(inode.generation);
  batch.u64(inode.lookups);
  batch.u32(place);
  batch.u64(directory?.node ?? 0);
  batch.u64(inode.shownIno ?? inode.inoLow + inode.inoHigh * 2 ** 32);
  batch.u32(inode.inoLow);
  batch.u32(inode.inoHigh);
  batch.u32(described ? fileStatus.mode : inode.type);
  batch.u32(described ? describedDevice() : 0);
  batch.u64(described ? describedSize() : 0);
  batch.u64(described ? fileStatus.mtime : 0);
  batch.u32(described ? fileStatus.mtimeNanos : 0);
  batch.u64(inode.btime);
  batch.u32(inode.btimeNanos);
  batch.u8(handle.length);
  batch.data(handle);
  batch.u32(name.length);
  batch.name(name);
}

/**
 * By which the file system itself tells a file from others. It is asked only where it keeps no time of birth: that does
 * as well, and asking takes time while the guest stands still. What was kept when a descriptor was closed will do.
 */
function fileHandle({ fd, fileHandle: kept, btime, btimeNanos }: HostInode): Uint8Array {
  if (btime !== 0 || btimeNanos !== 0) return NONE;
  return fd >= 0 || kept === undefined ? handleOf(fd) : kept.subarray(HANDLE_LENGTH);
}

function saveHandles({ files, directories, locks }: Share, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.handles);
  for (const file of files.values()) putFile(batch, file, file.inode.node, locks);
  for (const directory of directories.values())
    putDirectory(batch, directory, directory.inode.node, positionOf(directory));
  batch.flush();
}
