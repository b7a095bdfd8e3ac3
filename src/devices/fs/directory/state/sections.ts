/**
 * The state of an fs device with the directory backing: what the guest refers to and where each of it is, but not the
 * contents of files that have a name. All integers are little-endian; a name is a length and so many bytes. Records come
 * in the order of the sections, so that whatever refers to something comes after it. Each record of a section but the
 * first two holds as many entries as fit.
 *
 *   head        once: u64 each: inodes, handles, locks, next node id, next handle, generation
 *   negotiated  once, absent while there was no FUSE_INIT: as of the memory backing
 *   inodes      u64 node id, u64 generation, u64 lookup count, u32 where it is (`Place`), u64 node id of the directory
 *               that it is in (child) or 0, u64 inode number that the guest was told; its identity: u64 inode number,
 *               u32 type and permissions as st_mode, u32 what a device node stands for, u64 size, i64 and u32 each: time
 *               of the last change to the contents, time of birth and their nanoseconds (0 and 0: not known);
 *               u8 length and bytes of the file handle, type first (0: not known, or no need of it);
 *               u32 length and bytes of the name (child), of the path beneath the directory (path), of the path last
 *               known (carried, gone, lost), otherwise 0. A directory comes before what is in it, the root before all
 *   carried     files that go with their contents, once each: u64 node id, u32 uid, u32 gid, i64 and u32 time of the last
 *               access and its nanoseconds, u32 number of extended attributes, u64 bytes of data to come, u32 length and
 *               target of a symbolic link, otherwise 0
 *   xattrs      u64 node id of a carried file, u8 length and name, u32 length and value
 *   contents    u64 node id of a carried regular file, u64 offset in it, u32 length and data; nothing for holes
 *   handles     u64 handle, u64 node id, u32 flags of open(2), u32 kind (1 file, 2 directory), u64 position (directory),
 *               u32 number and u64 each of owners whose record locks were taken through this handle (file)
 *   listings    the names in a directory that the guest is in the middle of, in the order in which it is read from its
 *               beginning: u64 handle, u64 cookie, u32 how many names are still to come, u8 length and name
 *   locks       as of the memory backing, with node ids
 */
import type { Section } from '../../../../state/index.ts';
import { Sections as Shared } from '../../state/sections.ts';

function section(name: string): Section {
  return { name, version: 1, required: true };
}

export const Sections = {
  head: section('head'),
  negotiated: Shared.negotiated,
  inodes: section('inodes'),
  carried: section('carried'),
  xattrs: section('xattrs'),
  contents: section('contents'),
  handles: section('handles'),
  listings: section('listings'),
  locks: Shared.locks,
} as const;

/** The sections in the order in which their records come. */
export const SECTION_ORDER: readonly Section[] = Object.values(Sections);

/** Where a file is. */
export const Place = {
  /** It is the directory that is served. */
  root: 1,
  /** It has this name in another inode of the state. */
  child: 2,
  /** It has this path beneath the directory that is served. */
  path: 3,
  /** It has no name any more and comes with its contents. */
  carried: 4,
  /** It has no name any more, and nobody has it open: the guest is to look for it anew. */
  gone: 5,
  /** It is open, and cannot be found beneath the directory that is served. */
  lost: 6,
} as const;

export type Place = (typeof Place)[keyof typeof Place];
