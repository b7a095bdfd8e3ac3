import { constants, fstatSync, openSync } from 'node:fs';
import { asError } from '../../../errors.ts';
import {
  Errno,
  errnoName,
  Fd,
  fileScratch,
  fileSystemStatus,
  logicalBlockSize,
  physicalBlockSize,
  readToAddress,
  readVectorsNow,
} from '../../../sys/index.ts';
import { SECTOR_SIZE } from '../constants.ts';
import { BlkError } from '../errors.ts';
import type { BlkOptions } from '../options.ts';
import type { Backing } from './backing.ts';
import { FileBacking, type InlineReads } from './file.ts';
import { measureImage } from './measure.ts';
import { MemoryBacking } from './memory.ts';

/** Usual pages of file systems: writing less means reading the rest before. */
const USUAL_PHYSICAL = 4096;

/** f_type of file systems that keep everything in memory: tmpfs, ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);

/** Where the sectors of the disk that `options` describe are. Throws `ERR_BLK_IMAGE` or a `SystemError`. */
export function openBacking(options: BlkOptions): Backing {
  const { path, memory, readOnly } = options;
  if (path !== undefined) return openImage(path, options);
  const blockSize = options.blockSize ?? SECTOR_SIZE;
  const physical = options.physicalBlockSize ?? Math.max(USUAL_PHYSICAL, blockSize);
  return new MemoryBacking({ size: memory!, blockSize, physicalBlockSize: physical, readOnly });
}

function openImage(path: string, options: BlkOptions): FileBacking {
  const { readOnly, direct } = options;
  using resources = new DisposableStack();
  const file = resources.use(openFile(path, readOnly, direct));
  const stat = fstatSync(file.number);
  const isBlockDevice = stat.isBlockDevice();
  if (!stat.isFile() && !isBlockDevice)
    throw new BlkError('ERR_BLK_IMAGE', `${path} is neither a file nor a block device`);
  const blockSize = chooseBlockSize(file, isBlockDevice, options);
  if (measureImage(file, isBlockDevice) < blockSize)
    throw new BlkError('ERR_BLK_IMAGE', `${path} has less than one block of ${blockSize} bytes`);
  const usual = isBlockDevice ? physicalBlockSize(file.number) : USUAL_PHYSICAL;
  const backing = new FileBacking({
    path,
    image: { file, isBlockDevice },
    blockSize,
    physicalBlockSize: options.physicalBlockSize ?? Math.max(usual, blockSize),
    readOnly,
    reads: direct ? 'never' : inlineReads(file),
    writes: !direct && !readOnly,
  });
  resources.move();
  return backing;
}

function openFile(path: string, readOnly: boolean, direct: boolean): Fd {
  const mode = readOnly ? constants.O_RDONLY : constants.O_RDWR;
  // A pipe in its place must not be waited for
  const flags = mode | constants.O_NONBLOCK | (direct ? constants.O_DIRECT : 0);
  try {
    return new Fd(openSync(path, flags), path);
  } catch (cause) {
    const how = `${readOnly ? 'reading' : 'reading and writing'}${direct ? ', past the page cache' : ''}`;
    throw new BlkError('ERR_BLK_IMAGE', `${path} cannot be opened for ${how}: ${asError(cause).message}`, {
      cause,
    });
  }
}

/** The smallest block that the guest may use, unless the operator asked for another. */
function chooseBlockSize(file: Fd, isBlockDevice: boolean, { blockSize, direct }: BlkOptions): number {
  const needed = isBlockDevice ? logicalBlockSize(file.number) : direct ? directUnit(file) : SECTOR_SIZE;
  if (blockSize === undefined) return needed;
  if (blockSize < needed && (direct || isBlockDevice))
    throw new BlkError(
      'ERR_BLK_IMAGE',
      `${file.name} is read and written in blocks of ${needed} bytes, blocks of ${blockSize} cannot be offered`,
    );
  return blockSize;
}

/** The unit in which a file is read past the page cache, found by reading. */
function directUnit(file: Fd): number {
  let result = 0;
  for (let unit = SECTOR_SIZE; unit <= 4096; unit *= 2) {
    result = readToAddress(file.number, fileScratch.buffer.address, unit, unit);
    if (result >= 0) return unit;
  }
  throw new BlkError(
    'ERR_BLK_IMAGE',
    `${file.name} cannot be read past the page cache in blocks of up to 4096 bytes: ${errnoName(-result)}`,
  );
}

function inlineReads(file: Fd): InlineReads {
  const { vectors, buffer, fileSystem } = fileScratch;
  vectors.words.set([buffer.address % 2 ** 32, Math.floor(buffer.address / 2 ** 32), SECTOR_SIZE, 0]);
  const result = readVectorsNow(file.number, 1, 0);
  if (result >= 0 || result === -Errno.EAGAIN) return 'cached';
  return fileSystemStatus(file.number) >= 0 && IN_MEMORY.has(fileSystem.words[0]!) ? 'memory' : 'never';
}
