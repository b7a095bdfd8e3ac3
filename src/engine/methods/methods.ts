import { FerryError } from '../../errors.ts';
import {
  type Compressor,
  type Decompressor,
  ZlibCompressor,
  ZlibDecompressor,
  ZstdCompressor,
  ZstdDecompressor,
} from '../../sys/index.ts';
import { MAX_ZLIB_LEVEL, MAX_ZSTD_LEVEL, ZSTD_WINDOW_LOG } from './limits.ts';

/** How the contents of pages travel. */
export type MethodName = 'none' | 'zlib' | 'zstd';

/** A method for the contents of pages: one stream for each channel, which goes on from packet to packet. */
export interface PageMethod {
  readonly name: MethodName;
  /** Its bit among a packet's flags, 0 for none. */
  readonly flag: number;
  /** The level that is used where none is said. */
  readonly level: number;
  /** Throws `ERR_LEVEL` for a level that it does not have, and `ERR_LIBRARY` where the library is missing. */
  compressor(level: number): Compressor | undefined;
  /** Throws `ERR_LIBRARY` where the library is missing. */
  decompressor(): Decompressor | undefined;
}

const methods: Readonly<Record<MethodName, PageMethod>> = {
  none: { name: 'none', flag: 0, level: 0, compressor: () => undefined, decompressor: () => undefined },
  zlib: {
    name: 'zlib',
    flag: 0x02,
    level: 1,
    compressor: (level) => new ZlibCompressor(checkLevel('zlib', level, 0, MAX_ZLIB_LEVEL)),
    decompressor: () => new ZlibDecompressor(),
  },
  zstd: {
    name: 'zstd',
    flag: 0x04,
    level: 1,
    compressor: (level) => new ZstdCompressor(checkLevel('zstd', level, 1, MAX_ZSTD_LEVEL)),
    decompressor: () => new ZstdDecompressor(ZSTD_WINDOW_LOG),
  },
};

/** The method called `name`. */
export function pageMethod(name: MethodName): PageMethod {
  return methods[name];
}

function checkLevel(name: MethodName, level: number, least: number, most: number): number {
  if (Number.isInteger(level) && level >= least && level <= most) return level;
  throw new FerryError('ERR_LEVEL', `${name} has no level ${level}, only ${least} to ${most}`);
}
