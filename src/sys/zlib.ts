import { FerryError } from '../errors.ts';
import { type Compressor, compressError, type Decompressor, dataError, putWide } from './compressed.ts';
import { loadLibrary } from './library.ts';
import { type Mapping, mapAnonymous } from './mapping.ts';

/**
 * Streams of libz, straight on mapped memory. `struct z_stream` where pointers and longs have 64 bits, in words of 32:
 *
 *     0 next_in   2 avail_in   4 total_in   6 next_out   8 avail_out   10 total_out   12 msg   14 state
 *    16 zalloc   18 zfree     20 opaque    22 data_type 24 adler      26 reserved
 */
const NEXT_IN = 0;
const AVAIL_IN = 2;
const NEXT_OUT = 6;
const AVAIL_OUT = 8;
const STREAM_BYTES = 112;

/** What callers say they were compiled against: the library refuses another first digit. */
const API = '1.2.0';

const Z_SYNC_FLUSH = 2;
const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;
const names: Readonly<Record<number, string>> = {
  1: 'Z_STREAM_END',
  2: 'Z_NEED_DICT',
  [-2]: 'Z_STREAM_ERROR',
  [-3]: 'Z_DATA_ERROR',
  [-4]: 'Z_MEM_ERROR',
  [-5]: 'Z_BUF_ERROR',
  [-6]: 'Z_VERSION_ERROR',
};

let loaded: ReturnType<typeof load> | undefined;

function load() {
  const declare = loadLibrary('libz.so.1', 'zlib1g');
  return {
    deflateInit: declare<[number, number, string, number]>(
      'int deflateInit_(uintptr_t stream, int level, const char *version, int size)',
    ),
    deflate: declare<[number, number]>('int deflate(uintptr_t stream, int flush)'),
    deflateEnd: declare<[number]>('int deflateEnd(uintptr_t stream)'),
    inflateInit: declare<[number, string, number]>(
      'int inflateInit_(uintptr_t stream, const char *version, int size)',
    ),
    inflate: declare<[number, number]>('int inflate(uintptr_t stream, int flush)'),
    inflateEnd: declare<[number]>('int inflateEnd(uintptr_t stream)'),
    version: declare<[], string>('const char *zlibVersion()'),
  };
}

/** The library, loaded when it is first needed. Throws `ERR_LIBRARY` where it is missing. */
function zlib(): ReturnType<typeof load> {
  loaded ??= load();
  return loaded;
}

/** The version of libz, such as `1.3.1`. Throws `ERR_LIBRARY` where it is missing. */
export function zlibVersion(): string {
  return zlib().version();
}

/** Compresses into a zlib stream that never ends. */
export class ZlibCompressor implements Compressor {
  readonly #library = zlib();
  readonly #stream: Mapping;
  readonly #words: Uint32Array<ArrayBuffer>;

  /** `level` is 0 (stored) to 9. Throws `ERR_LIBRARY` where libz is missing or cannot make a stream. */
  constructor(level: number) {
    this.#stream = mapAnonymous(STREAM_BYTES, 'zlib stream');
    this.#words = new Uint32Array(this.#stream.buffer);
    const result = this.#library.deflateInit(this.#stream.address, level, API, STREAM_BYTES);
    if (result !== Z_OK) throw unusable(this.#stream, result);
  }

  compress(from: number, length: number, into: number, room: number): number {
    const words = this.#words;
    putWide(words, NEXT_IN, from);
    words[AVAIL_IN] = length;
    putWide(words, NEXT_OUT, into);
    words[AVAIL_OUT] = room;
    const result = this.#library.deflate(this.#stream.address, Z_SYNC_FLUSH);
    if (result !== Z_OK) throw compressError('libz', `deflate returned ${names[result] ?? result}`);
    // Without room to spare it may not have written everything
    if (words[AVAIL_IN] !== 0 || words[AVAIL_OUT] === 0)
      throw compressError('libz', `${length} bytes do not fit into ${room}`);
    return room - words[AVAIL_OUT]!;
  }

  [Symbol.dispose](): void {
    this.#library.deflateEnd(this.#stream.address);
    this.#stream[Symbol.dispose]();
  }
}

/** Decompresses a zlib stream. */
export class ZlibDecompressor implements Decompressor {
  readonly #library = zlib();
  readonly #stream: Mapping;
  readonly #words: Uint32Array<ArrayBuffer>;

  /** Throws `ERR_LIBRARY` where libz is missing or cannot make a stream. */
  constructor() {
    this.#stream = mapAnonymous(STREAM_BYTES + 1, 'zlib stream');
    this.#words = new Uint32Array(this.#stream.buffer);
    const result = this.#library.inflateInit(this.#stream.address, API, STREAM_BYTES);
    if (result !== Z_OK) throw unusable(this.#stream, result);
  }

  feed(from: number, length: number): void {
    putWide(this.#words, NEXT_IN, from);
    this.#words[AVAIL_IN] = length;
  }

  read(into: number, length: number): void {
    const words = this.#words;
    putWide(words, NEXT_OUT, into);
    words[AVAIL_OUT] = length;
    while (words[AVAIL_OUT] !== 0) {
      const result = this.#inflate();
      if (result === Z_OK) continue;
      const missing = `${words[AVAIL_OUT]} of ${length} bytes are missing`;
      throw dataError('zlib', result === Z_STREAM_END ? `the stream ended, ${missing}` : missing);
    }
  }

  finish(): void {
    const words = this.#words;
    putWide(words, NEXT_OUT, this.#stream.address + STREAM_BYTES);
    words[AVAIL_OUT] = 1;
    const result = this.#inflate();
    if (result === Z_STREAM_END) throw dataError('zlib', 'the stream ended');
    if (words[AVAIL_OUT] === 0) throw dataError('zlib', 'there is more than was expected');
    if (words[AVAIL_IN] !== 0) throw dataError('zlib', `${words[AVAIL_IN]} bytes were left over`);
  }

  /** One step: `Z_OK`, `Z_STREAM_END`, or `Z_BUF_ERROR` where nothing could be done. */
  #inflate(): number {
    const result = this.#library.inflate(this.#stream.address, Z_SYNC_FLUSH);
    if (result === Z_OK || result === Z_STREAM_END || result === Z_BUF_ERROR) return result;
    throw dataError('zlib', `inflate returned ${names[result] ?? result}`);
  }

  [Symbol.dispose](): void {
    this.#library.inflateEnd(this.#stream.address);
    this.#stream[Symbol.dispose]();
  }
}

function unusable(stream: Mapping, result: number): FerryError {
  stream[Symbol.dispose]();
  return new FerryError(
    'ERR_LIBRARY',
    `libz.so.1 ${zlibVersion()} cannot make a stream: ${names[result] ?? result}, expected version 1`,
  );
}
