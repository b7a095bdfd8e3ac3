import type { RecordWriter } from '../../../state/index.ts';
import type { LockTable } from '../locks/table.ts';
import type { FileSystem, FuseSession } from '../tree/file-system.ts';
import type { OpenFile } from '../tree/handles.ts';
import type { Inode } from '../tree/inode.ts';
import { RecordBatch } from './record-batch.ts';
import { saveContents } from './save-contents.ts';
import { HandleKind, LockKind, Sections } from './sections.ts';

const INODE_SIZE = 112;
const ENTRY_SIZE = 25;
const XATTR_SIZE = 13;
const HANDLE_SIZE = 36;
const OWNER_SIZE = 8;
const LOCK_SIZE = 48;

/**
 * Write everything that the guest may refer to, and all contents, as records in the order of `SECTION_ORDER`. Nothing
 * is changed. Throws what `records` throws.
 */
export function saveState(fileSystem: FileSystem, records: RecordWriter): void {
  saveTotals(fileSystem, records);
  saveNegotiated(fileSystem.session, records);
  saveInodes(fileSystem, records);
  saveEntries(fileSystem, records);
  saveXattrs(fileSystem, records);
  saveContents(fileSystem, records);
  saveHandles(fileSystem, records);
  saveLocks(fileSystem.locks, records);
}

function saveTotals(fileSystem: FileSystem, records: RecordWriter): void {
  let entries = 0;
  let xattrs = 0;
  for (const inode of fileSystem.inodes.values()) {
    entries += inode.directory?.size ?? 0;
    xattrs += inode.xattrs?.size ?? 0;
  }
  const { contents } = fileSystem;
  const batch = new RecordBatch(records, Sections.totals);
  batch.u64(contents.size);
  batch.u64(contents.totalPages - contents.freePages);
  batch.u64(fileSystem.inodes.size);
  batch.u64(entries);
  batch.u64(xattrs);
  batch.u64(fileSystem.files.size + fileSystem.directories.size);
  batch.u64(fileSystem.locks.held);
  batch.u64(fileSystem.nextIno);
  batch.u64(fileSystem.nextHandle);
  batch.u64(fileSystem.generation);
  batch.flush();
}

/** Write the record of section `negotiated`, if anything was. */
export function saveNegotiated(session: FuseSession | undefined, records: RecordWriter): void {
  if (session === undefined) return;
  const batch = new RecordBatch(records, Sections.negotiated);
  batch.u32(session.minor);
  batch.u32(session.maxReadahead);
  batch.u32(session.maxWrite);
  batch.u32(0);
  batch.big(session.flags);
  batch.flush();
}

function saveInodes(fileSystem: FileSystem, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.inodes);
  for (const inode of fileSystem.inodes.values()) {
    const { target, directory } = inode;
    batch.begin(INODE_SIZE + (target?.length ?? 0));
    batch.u64(inode.ino);
    batch.u64(inode.generation);
    batch.u32(inode.mode);
    batch.u32(inode.uid);
    batch.u32(inode.gid);
    batch.u32(inode.rdev);
    batch.u32(inode.nlink);
    batch.u64(inode.lookups);
    batch.u64(inode.atime);
    batch.u32(inode.atimeNanos);
    batch.u64(inode.mtime);
    batch.u32(inode.mtimeNanos);
    batch.u64(inode.ctime);
    batch.u32(inode.ctimeNanos);
    batch.u64(inode.btime);
    batch.u32(inode.btimeNanos);
    batch.u64(inode.content?.size ?? directory?.nextCookie ?? 0);
    batch.u64(removedParent(inode));
    batch.u32(target?.length ?? 0);
    if (target !== undefined) batch.data(target);
  }
  batch.flush();
}

/** What `..` names in a directory that has no name any more; it may be gone itself. */
function removedParent({ directory, nlink }: Inode): number {
  return directory === undefined || nlink > 0 ? 0 : directory.parent.ino;
}

function saveEntries(fileSystem: FileSystem, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.entries);
  for (const { ino, directory } of fileSystem.inodes.values()) {
    if (directory === undefined) continue;
    for (let i = 0, entry = directory.at(0); entry !== undefined; entry = directory.at(++i)) {
      if (entry.inode === undefined) continue;
      batch.begin(ENTRY_SIZE + entry.name.length);
      batch.u64(ino);
      batch.u64(entry.cookie);
      batch.u64(entry.inode.ino);
      batch.u8(entry.name.length);
      batch.name(entry.name);
    }
  }
  batch.flush();
}

function saveXattrs(fileSystem: FileSystem, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.xattrs);
  for (const { ino, xattrs } of fileSystem.inodes.values())
    for (const [name, value] of xattrs ?? []) {
      batch.begin(XATTR_SIZE + name.length + value.length);
      batch.u64(ino);
      batch.u8(name.length);
      batch.name(name);
      batch.u32(value.length);
      batch.data(value);
    }
  batch.flush();
}

function saveHandles({ files, directories, locks }: FileSystem, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.handles);
  for (const file of files.values()) putFile(batch, file, file.inode.ino, locks);
  for (const directory of directories.values())
    putDirectory(batch, directory, directory.inode.ino, BigInt(directory.position));
  batch.flush();
}

/** Put the handle of a file into a record of section `handles`; `node` is what it is open on. */
export function putFile(
  batch: RecordBatch,
  file: Pick<OpenFile<unknown>, 'handle' | 'flags' | 'lockOwners'>,
  node: number,
  locks: LockTable,
): void {
  const owners = [...(file.lockOwners ?? [])].filter((owner) => locks.holdsRecords(node, owner));
  batch.begin(HANDLE_SIZE + owners.length * OWNER_SIZE);
  batch.u64(file.handle);
  batch.u64(node);
  batch.u32(file.flags);
  batch.u32(HandleKind.file);
  batch.u64(0);
  batch.u32(owners.length);
  for (const owner of owners) batch.big(owner);
}

/** Put the handle of a directory into a record of section `handles`. */
export function putDirectory(
  batch: RecordBatch,
  { handle, flags }: { readonly handle: number; readonly flags: number },
  node: number,
  position: bigint,
): void {
  batch.begin(HANDLE_SIZE);
  batch.u64(handle);
  batch.u64(node);
  batch.u32(flags);
  batch.u32(HandleKind.directory);
  batch.big(position);
  batch.u32(0);
}

/** Write the records of section `locks`. */
export function saveLocks(locks: LockTable, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.locks);
  for (const { node, lock } of locks.records()) {
    batch.begin(LOCK_SIZE);
    batch.u64(node);
    batch.big(lock.owner);
    batch.big(lock.start);
    batch.big(lock.end);
    batch.u32(lock.type);
    batch.u32(lock.pid);
    batch.u32(LockKind.record);
    batch.u32(0);
  }
  for (const { node, lock } of locks.files()) {
    batch.begin(LOCK_SIZE);
    batch.u64(node);
    batch.big(lock.owner);
    batch.big(0n);
    batch.big(0n);
    batch.u32(lock.type);
    batch.u32(0);
    batch.u32(LockKind.file);
    batch.u32(0);
  }
  batch.flush();
}
