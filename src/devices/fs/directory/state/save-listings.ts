import type { RecordWriter } from '../../../../state/index.ts';
import { RecordBatch } from '../../state/record-batch.ts';
import type { CarriedListing, HostDirectory } from '../handles.ts';
import type { Share } from '../share.ts';
import { entriesOf } from './entries.ts';
import { MAX_LISTED_NAMES } from './limits.ts';
import { Sections } from './sections.ts';

/** Bytes of a listed name beside the name itself. */
const LISTED_SIZE = 21;

/** The cookie of the entry that was read last. */
export function positionOf({ positionLow, positionHigh }: HostDirectory): bigint {
  return (BigInt(positionHigh >>> 0) << 32n) | BigInt(positionLow >>> 0);
}

/**
 * Write what is in the directories that the guest is in the middle of: positions in them mean nothing in another file
 * system. Where there are too many names, those of further directories are left out.
 */
export function saveListings({ directories, inodes }: Share, records: RecordWriter): void {
  const batch = new RecordBatch(records, Sections.listings);
  let left = MAX_LISTED_NAMES;
  for (const directory of directories.values()) {
    if (directory.carried === undefined && (directory.fd < 0 || positionOf(directory) === 0n)) continue;
    const { cookies, names } = directory.carried ?? listed(inodes.descriptor(directory.inode), left + 1);
    if (names.length > left) continue;
    left -= names.length;
    for (const [i, name] of names.entries()) {
      batch.begin(LISTED_SIZE + name.length);
      batch.u64(directory.handle);
      batch.big(cookies[i]!);
      batch.u32(names.length - 1 - i);
      batch.u8(name.length);
      batch.name(name);
    }
  }
  batch.flush();
}

function listed(fd: number, most: number): CarriedListing {
  const cookies: bigint[] = [];
  const names: string[] = [];
  if (fd < 0) return { cookies, names };
  for (const { cookie, name } of entriesOf(fd)) {
    if (names.length >= most) break;
    cookies.push(cookie);
    names.push(name);
  }
  return { cookies, names };
}
