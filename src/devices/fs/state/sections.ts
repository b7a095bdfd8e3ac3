/**
 * The state of the fs device. All integers are little-endian; a name is a length and so many bytes. Records come in
 * the order of the sections, so that whatever refers to something comes after it. Each record of a section but the
 * first two holds as many entries as fit.
 *
 *   totals      once: u64 bytes for contents at the source, u64 pages of contents used, u64 each: inodes, directory
 *               entries, extended attributes, handles, locks; u64 next inode number, u64 next handle,
 *               u64 generation
 *   negotiated  once, absent while there was no FUSE_INIT: u32 minor version, u32 max_readahead, u32 max_write,
 *               u32 zero, u64 flags
 *   inodes      u64 ino, u64 generation, u32 mode, u32 uid, u32 gid, u32 rdev, u32 nlink, u64 lookup count,
 *               i64 and u32 each: atime, mtime, ctime, btime and their nanoseconds;
 *               u64 size of a regular file, next cookie of a directory, otherwise 0;
 *               u64 what `..` names in a directory that was removed while in use, which may be gone too, otherwise 0;
 *               u32 length and target of a symbolic link, otherwise 0
 *   entries     u64 directory, u64 cookie, u64 ino, u8 length and name; all entries of a directory in a row, by cookie
 *   xattrs      u64 ino, u8 length and name, u32 length and value
 *   contents    u32 number of runs, u32 zero; for each run u64 ino, u64 first page in the file, u32 pages, u32 bytes
 *               of data; then the data of all runs. Data ends in a run's last page, the rest of which is zero; a run
 *               without data is memory that was reserved. Holes are not sent
 *   handles     u64 handle, u64 ino, u32 flags of open(2), u32 kind (1 file, 2 directory), u64 position (directory),
 *               u32 number and u64 each of owners whose record locks were taken through this handle (file)
 *   locks       u64 ino, u64 owner, u64 first and u64 last byte, u32 type, u32 pid, u32 kind (1 record, 2 whole file),
 *               u32 zero; first, last and pid are 0 for whole files
 */
import type { Section } from '../../../state/index.ts';

function section(name: string): Section {
  return { name, version: 1, required: true };
}

export const Sections = {
  totals: section('totals'),
  negotiated: section('negotiated'),
  inodes: section('inodes'),
  entries: section('entries'),
  xattrs: section('xattrs'),
  contents: section('contents'),
  handles: section('handles'),
  locks: section('locks'),
} as const;

/** The sections in the order in which their records come. */
export const SECTION_ORDER: readonly Section[] = Object.values(Sections);

/** What a handle is open on. */
export const HandleKind = { file: 1, directory: 2 } as const;

/** What a lock covers. */
export const LockKind = { record: 1, file: 2 } as const;

/** Bytes that describe one run in a `contents` record. */
export const RUN_SIZE = 24;

/** Bytes before the runs of a `contents` record. */
export const RUNS_AT = 8;
