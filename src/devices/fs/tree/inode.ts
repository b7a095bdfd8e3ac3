import type { FileContent } from '../contents/content.ts';
import type { Directory } from './directory.ts';

/** The file type bits of `st_mode`. */
export const FileType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

/** Every bit of `st_mode` that chmod(2) can change. */
export const PERMISSIONS = 0o7777;
export const SET_UID = 0o4000;
export const SET_GID = 0o2000;
export const GROUP_EXECUTE = 0o010;

/** What each name adds to the size of a directory, as in tmpfs. */
const ENTRY_SIZE = 20;

/**
 * One file of any type. Its number is also its FUSE node id: it stays the same for as long as the file exists, across
 * migrations and boots of the guest, and is never given to another file.
 *
 * Times are seconds since the epoch, which may be negative, and nanoseconds beside them.
 */
export class Inode {
  readonly ino: number;
  /** Tells files with the same number apart that lived in different histories of the file system. */
  readonly generation: number;
  /** Type and permissions, as `st_mode`. */
  mode: number;
  uid: number;
  gid: number;
  /** Device number as the guest encodes it; of character and block nodes only. */
  rdev = 0;
  /** Names of this file; a directory counts itself and each directory in it as well. */
  nlink = 0;
  /** References the guest's kernel holds: one more with every reply that named the file, taken back by FORGET. */
  lookups = 0;
  /** Handles that are open on it. */
  opens = 0;
  atime = 0;
  atimeNanos = 0;
  mtime = 0;
  mtimeNanos = 0;
  ctime = 0;
  ctimeNanos = 0;
  /** When the file was made. */
  btime = 0;
  btimeNanos = 0;
  /** Of regular files only. */
  content: FileContent | undefined = undefined;
  /** Of directories only. */
  directory: Directory | undefined = undefined;
  /** Of symbolic links only: where it points to. */
  target: Uint8Array | undefined = undefined;
  /** Extended attributes by name, one character per byte of the name; undefined while there are none. */
  xattrs: Map<string, Uint8Array> | undefined = undefined;

  constructor(ino: number, generation: number, mode: number, uid: number, gid: number) {
    this.ino = ino;
    this.generation = generation;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
  }

  /** One of `FileType`. */
  get type(): number {
    return this.mode & FileType.mask;
  }

  /** Bytes, as stat(2) reports them: of a regular file's contents, of where a symbolic link points to. */
  get size(): number {
    if (this.content !== undefined) return this.content.size;
    if (this.directory !== undefined) return this.directory.size * ENTRY_SIZE;
    return this.target === undefined ? 0 : this.target.length;
  }

  /** Memory that the contents have, in units of 512 bytes. */
  get blocks(): number {
    return this.content === undefined ? 0 : this.content.blocks;
  }

  /** Whether nothing refers to the file any more: no name, no reference in the guest, no handle. */
  get unreferenced(): boolean {
    return this.nlink === 0 && this.lookups === 0 && this.opens === 0;
  }
}
