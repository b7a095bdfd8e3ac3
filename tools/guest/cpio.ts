/** The archive that a Linux kernel unpacks as its first file system: "newc" cpio. */

export interface ArchiveEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** Type and permissions, as st_mode. */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [number, number];
}

/** Entries in order; a folder must come before what lies in it. */
export function makeArchive(entries: readonly ArchiveEntry[]): Buffer {
  const trailer: ArchiveEntry = { path: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...entries, trailer].map((entry, i) => encodeEntry(entry, i + 1)));
}

/*
 * 6 bytes "070701", then 13 fields of 8 hex digits each: inode, mode, uid, gid, links, mtime, size, device major and
 * minor, rdev major and minor, length of the name with its zero, checksum (0). Name and data are padded to 4 bytes.
 */
function encodeEntry(entry: ArchiveEntry, inode: number): Buffer {
  const name = Buffer.from(`${entry.path}\0`);
  const data = entry.data ?? new Uint8Array();
  const [major, minor] = entry.device ?? [0, 0];
  const fields = [inode, entry.mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header, 'latin1'), name])), padded(data)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
