import { FerryError } from '../errors.ts';
import {
  type Compressor,
  compressError,
  type Decompressor,
  dataError,
  getWide,
  putWide,
} from './compressed.ts';
import { loadLibrary } from './library.ts';
import { type Mapping, mapAnonymous } from './mapping.ts';

/**
 * Streams and frames of libzstd, straight on mapped memory. Two structures of three 64-bit fields say where input and output
 * are: pointer, size, position. Results of the library are sizes, or negative error codes.
 */
const IN = 0;
const OUT = 6;
const POINTER = 0;
const SIZE = 2;
const POSITION = 4;
/** Where the output structure begins, and a byte of spare room behind both, in bytes. */
const OUT_AT = 24;
const SPARE_AT = 48;
const BUFFERS_BYTES = 56;

const ZSTD_C_COMPRESSION_LEVEL = 100;
const ZSTD_D_WINDOW_LOG_MAX = 100;
const ZSTD_E_FLUSH = 1;
const DESTINATION_TOO_SMALL = -70;

/** The first version with the functions used here: 1.4.0. */
const OLDEST = 10_400;

let loaded: ReturnType<typeof load> | undefined;

function load() {
  const declare = loadLibrary('libzstd.so.1', 'libzstd1');
  const library = {
    createCCtx: declare<[], number | bigint>('uintptr_t ZSTD_createCCtx()'),
    freeCCtx: declare<[number]>('int64_t ZSTD_freeCCtx(uintptr_t context)'),
    setCompression: declare<[number, number, number]>(
      'int64_t ZSTD_CCtx_setParameter(uintptr_t context, int parameter, int value)',
    ),
    compressStream: declare<[number, number, number, number]>(
      'int64_t ZSTD_compressStream2(uintptr_t context, uintptr_t out, uintptr_t in, int end)',
    ),
    compress: declare<[number, number, number, number, number]>(
      'int64_t ZSTD_compress2(uintptr_t context, uintptr_t into, size_t room, uintptr_t from, size_t length)',
    ),
    createDCtx: declare<[], number | bigint>('uintptr_t ZSTD_createDCtx()'),
    freeDCtx: declare<[number]>('int64_t ZSTD_freeDCtx(uintptr_t context)'),
    setDecompression: declare<[number, number, number]>(
      'int64_t ZSTD_DCtx_setParameter(uintptr_t context, int parameter, int value)',
    ),
    decompressStream: declare<[number, number, number]>(
      'int64_t ZSTD_decompressStream(uintptr_t context, uintptr_t out, uintptr_t in)',
    ),
    decompress: declare<[number, number, number, number, number]>(
      'int64_t ZSTD_decompressDCtx(uintptr_t context, uintptr_t into, size_t room, uintptr_t from, size_t length)',
    ),
    frameSize: declare<[number, number]>(
      'int64_t ZSTD_findFrameCompressedSize(uintptr_t from, size_t length)',
    ),
    errorName: declare<[number], string>('const char *ZSTD_getErrorName(int64_t code)'),
    versionNumber: declare<[]>('unsigned int ZSTD_versionNumber()'),
    version: declare<[], string>('const char *ZSTD_versionString()'),
  };
  if (library.versionNumber() < OLDEST)
    throw new FerryError(
      'ERR_LIBRARY',
      `libzstd.so.1 is version ${library.version()}, expected 1.4.0 or later`,
    );
  return library;
}

/** The library, loaded when it is first needed. Throws `ERR_LIBRARY` where it is missing or too old. */
function zstd(): ReturnType<typeof load> {
  loaded ??= load();
  return loaded;
}

/** The version of libzstd, such as `1.5.7`. Throws `ERR_LIBRARY` where it is missing or too old. */
export function zstdVersion(): string {
  return zstd().version();
}

/** Where a stream's input and output are. */
class Buffers implements Disposable {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly input: number;
  readonly output: number;
  readonly spare: number;
  readonly #mapping: Mapping;

  constructor() {
    this.#mapping = mapAnonymous(BUFFERS_BYTES, 'zstd stream');
    this.words = new Uint32Array(this.#mapping.buffer);
    this.input = this.#mapping.address;
    this.output = this.#mapping.address + OUT_AT;
    this.spare = this.#mapping.address + SPARE_AT;
  }

  /** Point the structure at word `at` to `length` bytes at `address`. */
  set(at: number, address: number, length: number): void {
    putWide(this.words, at + POINTER, address);
    putWide(this.words, at + SIZE, length);
    putWide(this.words, at + POSITION, 0);
  }

  position(at: number): number {
    return getWide(this.words, at + POSITION);
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]();
  }
}

/** Compresses into one zstd frame that never ends. */
export class ZstdCompressor implements Compressor {
  readonly #library = zstd();
  readonly #context: number;
  readonly #buffers: Buffers;

  /** `level` is one of the library's, 1 to 22. Throws `ERR_LIBRARY` where libzstd is missing, too old or has no memory. */
  constructor(level: number) {
    this.#context = compressContext(this.#library, level);
    this.#buffers = new Buffers();
  }

  compress(from: number, length: number, into: number, room: number): number {
    const buffers = this.#buffers;
    buffers.set(IN, from, length);
    buffers.set(OUT, into, room);
    const left = this.#library.compressStream(this.#context, buffers.output, buffers.input, ZSTD_E_FLUSH);
    if (left < 0) throw compressError('libzstd', this.#library.errorName(left));
    if (left > 0) throw compressError('libzstd', `${length} bytes do not fit into ${room}`);
    return buffers.position(OUT);
  }

  [Symbol.dispose](): void {
    this.#library.freeCCtx(this.#context);
    this.#buffers[Symbol.dispose]();
  }
}

/** Decompresses a zstd frame piece by piece. */
export class ZstdDecompressor implements Decompressor {
  readonly #library = zstd();
  readonly #context: number;
  readonly #buffers: Buffers;
  #length = 0;

  /**
   * A frame that wants a window of more than 2^`windowLog` bytes, which is memory that it takes here, is refused. Throws
   * `ERR_LIBRARY` where libzstd is missing, too old or has no memory.
   */
  constructor(windowLog: number) {
    this.#context = decompressContext(this.#library, windowLog);
    this.#buffers = new Buffers();
  }

  feed(from: number, length: number): void {
    this.#buffers.set(IN, from, length);
    this.#length = length;
  }

  read(into: number, length: number): void {
    const buffers = this.#buffers;
    buffers.set(OUT, into, length);
    for (let read = 0; read < length; ) {
      const taken = buffers.position(IN);
      this.#step();
      const now = buffers.position(OUT);
      if (now === read && buffers.position(IN) === taken)
        throw dataError('zstd', `${length - read} of ${length} bytes are missing`);
      read = now;
    }
  }

  finish(): void {
    const buffers = this.#buffers;
    buffers.set(OUT, buffers.spare, 1);
    this.#step();
    if (buffers.position(OUT) !== 0) throw dataError('zstd', 'there is more than was expected');
    const left = this.#length - buffers.position(IN);
    if (left !== 0) throw dataError('zstd', `${left} bytes were left over`);
  }

  #step(): void {
    const result = this.#library.decompressStream(this.#context, this.#buffers.output, this.#buffers.input);
    if (result < 0) throw dataError('zstd', this.#library.errorName(result));
    if (result === 0) throw dataError('zstd', 'the stream ended');
  }

  [Symbol.dispose](): void {
    this.#library.freeDCtx(this.#context);
    this.#buffers[Symbol.dispose]();
  }
}

/** Whole zstd frames: each is compressed and decompressed by itself. */
export class ZstdFrames implements Disposable {
  readonly #library = zstd();
  readonly #compress: number;
  readonly #decompress: number;

  /** `level` is one of the library's, 1 to 22. Throws `ERR_LIBRARY` where libzstd is missing, too old or has no memory. */
  constructor(level: number, windowLog: number) {
    this.#compress = compressContext(this.#library, level);
    this.#decompress = decompressContext(this.#library, windowLog);
  }

  /** Compress `length` bytes at `from` to `into`. Returns the bytes of the frame, or -1 where `room` is not enough. */
  compress(from: number, length: number, into: number, room: number): number {
    const result = this.#library.compress(this.#compress, into, room, from, length);
    if (result === DESTINATION_TOO_SMALL) return -1;
    if (result < 0) throw compressError('libzstd', this.#library.errorName(result));
    return result;
  }

  /**
   * Decompress the one frame that the `length` bytes at `from` are to `into`, and return how many bytes it holds. Throws
   * `ERR_COMPRESSED_DATA` where it holds more than `room`, is damaged, or is not all of the bytes.
   */
  decompress(from: number, length: number, into: number, room: number): number {
    const frame = this.#library.frameSize(from, length);
    if (frame < 0) throw dataError('zstd', this.#library.errorName(frame));
    if (frame !== length) throw dataError('zstd', `a frame of ${frame} bytes in ${length}`);
    const result = this.#library.decompress(this.#decompress, into, room, from, length);
    if (result === DESTINATION_TOO_SMALL) throw dataError('zstd', `more than ${room} bytes`);
    if (result < 0) throw dataError('zstd', this.#library.errorName(result));
    return result;
  }

  [Symbol.dispose](): void {
    this.#library.freeCCtx(this.#compress);
    this.#library.freeDCtx(this.#decompress);
  }
}

function compressContext(library: ReturnType<typeof load>, level: number): number {
  const context = Number(library.createCCtx());
  if (context === 0) throw new FerryError('ERR_LIBRARY', 'libzstd has no memory for a stream');
  library.setCompression(context, ZSTD_C_COMPRESSION_LEVEL, level);
  return context;
}

function decompressContext(library: ReturnType<typeof load>, windowLog: number): number {
  const context = Number(library.createDCtx());
  if (context === 0) throw new FerryError('ERR_LIBRARY', 'libzstd has no memory for a stream');
  library.setDecompression(context, ZSTD_D_WINDOW_LOG_MAX, windowLog);
  return context;
}
