import { closeFile, fileScratch, OpenMode, readEntries, reopen } from '../../../../sys/index.ts';

/** Where a struct linux_dirent64 has what is used of it: u64 inode number, u64 cookie, u16 length, u8 type, name, NUL. */
const COOKIE_AT = 8;
const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;

const UNKNOWN = 0;
const DIRECTORY = 4;

/** One name in a directory of the host. */
export interface HostEntry {
  readonly ino: bigint;
  /** Where reading goes on behind it. */
  readonly cookie: bigint;
  /** One character per byte. */
  readonly name: string;
  /** False where it is certain that it is no directory. */
  readonly maybeDirectory: boolean;
}

/** Everything in the directory that `fd` points at, in the host's order, `.` and `..` included; nothing if it cannot be read. */
export function* entriesOf(fd: number): Generator<HostEntry> {
  const reading = reopen(fd, OpenMode.readOnly | OpenMode.directory);
  if (reading < 0) return;
  try {
    const { address } = fileScratch.buffer;
    for (;;) {
      const length = readEntries(reading, address, fileScratch.buffer.bytes.length);
      // ENOENT: the directory was removed.
      if (length <= 0) return;
      // Copied, because whoever takes an entry may use the scratch area before the next one.
      const bytes = Buffer.from(fileScratch.buffer.bytes.subarray(0, length));
      for (let at = 0; at < length; at += bytes.readUInt16LE(at + LENGTH_AT))
        yield {
          ino: bytes.readBigUInt64LE(at),
          cookie: bytes.readBigUInt64LE(at + COOKIE_AT),
          name: bytes.toString('latin1', at + NAME_AT, bytes.indexOf(0, at + NAME_AT)),
          maybeDirectory: bytes[at + TYPE_AT] === DIRECTORY || bytes[at + TYPE_AT] === UNKNOWN,
        };
    }
  } finally {
    closeFile(reading);
  }
}
