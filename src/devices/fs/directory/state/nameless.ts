import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asError } from '../../../../errors.ts';
import {
  closeFile,
  createMemfd,
  Errno,
  fileScratch,
  makeDirectory,
  makeNode,
  makeSymlink,
  OpenMode,
  openBeneath,
  openPath,
  removeName,
  reopen,
  truncateFile,
} from '../../../../sys/index.ts';
import { FileType } from '../../tree/inode.ts';
import { HOLD } from '../inode-table.ts';
import { nameAddress } from './names.ts';

/** What a file without a name is made as. */
export interface NamelessFile {
  /** Type and permissions, as `st_mode`. */
  readonly mode: number;
  /** Of a device node, as the kernel encodes it. */
  readonly rdev: number;
  /** Bytes, all of them a hole at first; of a regular file. */
  readonly size: number;
  /** Where a symbolic link points to. */
  readonly target: Uint8Array;
}

/** Only the device itself may open it until it has its owner and permissions. */
const PRIVATE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/** What says that there is no room, or no descriptor. Anything else says that the directory cannot have such a file. */
const NO_ROOM: readonly number[] = [Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOSPC, Errno.EDQUOT];

/**
 * Make a file that has no name: a regular one in the shared directory (O_TMPFILE), so that it takes room there and can be
 * given a name, or where the file system cannot do that, in memory; anything else in a folder of its own that nobody else
 * sees. Returns a descriptor that points at it, or a negative errno.
 */
export function makeNameless(rootFd: number, file: NamelessFile): number {
  return (file.mode & FileType.mask) === FileType.regular ? makeRegular(rootFd, file.size) : makeOther(file);
}

function makeRegular(rootFd: number, size: number): number {
  const flags = OpenMode.temporary | OpenMode.directory | OpenMode.readWrite;
  let fd = openBeneath(rootFd, nameAddress('.'), flags, PRIVATE);
  if (fd < 0 && !NO_ROOM.includes(-fd)) fd = createMemfd('a file without a name', 0).release();
  if (fd < 0) return fd;
  const result = truncateFile(fd, size);
  const pointing = result < 0 ? result : reopen(fd, OpenMode.path);
  closeFile(fd);
  return pointing;
}

function makeOther(file: NamelessFile): number {
  const folder = scratchFolder();
  if (typeof folder === 'number') return folder;
  const dir = openPath(folder);
  try {
    if (dir < 0) return dir;
    const result = makeIn(dir, file);
    if (result < 0) return result;
    const fd = openBeneath(dir, nameAddress(NAME), HOLD);
    removeName(dir, nameAddress(NAME), (file.mode & FileType.mask) === FileType.directory);
    return fd;
  } finally {
    if (dir >= 0) closeFile(dir);
    rmdirSync(folder);
  }
}

const NAME = 'x';

/** The path of a folder that nobody else may enter, or a negative errno. */
function scratchFolder(): string | number {
  try {
    return mkdtempSync(join(tmpdir(), 'ferry-nameless-'));
  } catch (error) {
    const { errno } = asError(error) as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

function makeIn(dir: number, { mode, rdev, target }: NamelessFile): number {
  const type = mode & FileType.mask;
  if (type === FileType.directory) return makeDirectory(dir, nameAddress(NAME), PRIVATE_DIRECTORY);
  if (type !== FileType.symlink) return makeNode(dir, nameAddress(NAME), type | PRIVATE, rdev);
  const { bytes, address } = fileScratch.name;
  bytes[NAME.length] = 0;
  bytes.set(Buffer.from(NAME));
  fileScratch.buffer.bytes.set(target);
  fileScratch.buffer.bytes[target.length] = 0;
  return makeSymlink(fileScratch.buffer.address, dir, address);
}
