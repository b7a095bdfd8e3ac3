import { digestMatches, HeaderDigest } from './digest.ts';
import { StateError, type StateErrorCode } from './errors.ts';
import { CLOSING_SIZE, checksumHolds, decodeHead, type FrameHead, MAGIC, peekHead } from './frame.ts';
import { type FrameKind, Kind } from './kinds.ts';
import { DEFAULT_MAX_STREAM, HEADER_SIZE, MAX_FRAME, MAX_PAYLOAD } from './limits.ts';
import { decodeOpening, refuseFormat, type StateIdentity } from './opening.ts';

/** Room for frames that have arrived but not been read: fewer moves within the buffer than with room for one. */
const BUFFER = 4 * MAX_FRAME;

/** Room to begin with: most states are short, and a large buffer takes longer to make than they take to read. */
const FIRST_BUFFER = 64 * 1024;

const KIND_NAMES = {
  [Kind.opening]: 'the opening',
  [Kind.record]: 'a record',
  [Kind.closing]: 'the closing',
};

/** Where the bytes of a stream come from. */
export interface ByteSource {
  /** Fill `into` from its start with at least one byte. Returns how many; 0 at the end. */
  read(into: Uint8Array): number;
}

/** A record as it is in the stream. */
export interface Frame {
  readonly head: FrameHead;
  /** Valid until the next call of `next`. */
  readonly payload: Uint8Array;
  /** Where in the stream the frame starts. */
  readonly offset: number;
}

/**
 * Reads a state stream and vouches for it: everything is checked except what the sections mean. Throws a `StateError`
 * that names the frame at fault, or what the source throws. After an error nothing more can be read.
 */
export class FrameReader {
  readonly #source: ByteSource;
  readonly #maxStream: number;
  #buffer = new Uint8Array(FIRST_BUFFER);
  #view = new DataView(this.#buffer.buffer);
  readonly #digest = new HeaderDigest();
  #start = 0;
  #end = 0;
  #offset = 0;
  #index = 0;
  #ended = false;

  constructor(source: ByteSource, { maxStream = DEFAULT_MAX_STREAM }: { maxStream?: number } = {}) {
    this.#source = source;
    this.#maxStream = maxStream;
  }

  /** Bytes of the stream that have been read. */
  get consumed(): number {
    return this.#offset;
  }

  /** Read the opening, which comes first. */
  open(): StateIdentity {
    const { head, payload, offset } = this.#frame(Kind.opening, Kind.opening);
    const refusal = refuseFormat(payload);
    if (refusal !== undefined) throw new StateError('ERR_STATE_FORMAT', 'opening', refusal, offset);
    return decodeOpening(head.name, head.version, payload);
  }

  /** The next record; undefined when the closing and the end of the stream have been verified. */
  next(): Frame | undefined {
    if (this.#ended) return undefined;
    const frame = this.#frame(Kind.record, Kind.closing);
    if (frame.head.kind === Kind.record) return frame;
    this.#finish(frame);
    return undefined;
  }

  #finish({ head, payload, offset }: Frame): void {
    if (payload.length !== CLOSING_SIZE)
      throw new StateError(
        'ERR_STATE_FRAME',
        'closing',
        `${payload.length} bytes, expected ${CLOSING_SIZE}`,
        offset,
      );
    const count = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
    if (count !== head.index)
      throw new StateError(
        'ERR_STATE_ORDER',
        'closing',
        `counts ${count} frames, found ${head.index}`,
        offset,
      );
    if (!digestMatches(payload, 4, this.#digest.finish()))
      throw new StateError('ERR_STATE_DIGEST', 'closing', 'SHA-256 differs from that of the frames', offset);
    if (this.#end > this.#start || this.#fill() > 0)
      throw new StateError('ERR_STATE_TRAILING', 'end', 'bytes follow the closing', this.#offset);
    this.#ended = true;
  }

  /** The next frame, which has to be of one of two kinds. */
  #frame(kind: FrameKind, other: FrameKind): Frame {
    const offset = this.#offset;
    this.#have(HEADER_SIZE, 'header');
    const head = peekHead(this.#view, this.#start);
    if (head.magic !== MAGIC)
      throw this.#error(
        'ERR_STATE_MAGIC',
        `magic 0x${head.magic.toString(16)}, expected 0x${MAGIC.toString(16)}`,
      );
    if (head.length > MAX_PAYLOAD)
      throw this.#error('ERR_STATE_SIZE', `${head.length} bytes of payload, at most ${MAX_PAYLOAD}`);
    const size = HEADER_SIZE + head.length;
    if (offset + size > this.#maxStream)
      throw this.#error(
        'ERR_STATE_SIZE',
        `the stream is longer than the ${this.#maxStream} bytes that are allowed`,
      );
    this.#have(size, 'payload');
    const at = this.#start;
    const frame = this.#buffer.subarray(at, at + size);
    if (!checksumHolds(frame, this.#view, at))
      throw this.#error('ERR_STATE_CHECKSUM', 'the checksum does not match the contents');
    if (head.kind !== kind && head.kind !== other)
      throw this.#error(
        'ERR_STATE_FRAME',
        `${head.kind === undefined ? 'an unknown kind' : KIND_NAMES[head.kind]}, expected ${KIND_NAMES[kind]}`,
      );
    const decoded = decodeHead(this.#view, at, head.kind);
    if (typeof decoded === 'string') throw this.#error('ERR_STATE_FRAME', decoded);
    if (decoded.index !== this.#index)
      throw this.#error('ERR_STATE_ORDER', `frame ${decoded.index} (${decoded.name}) came, out of order`);
    if (decoded.kind !== Kind.closing) this.#digest.add(this.#buffer, at);
    this.#start += size;
    this.#offset += size;
    this.#index++;
    return { head: decoded, payload: frame.subarray(HEADER_SIZE), offset };
  }

  /** Have `size` bytes of the current frame in the buffer, in one piece. */
  #have(size: number, what: string): void {
    if (this.#start + size > this.#buffer.length) this.#moveToStart();
    while (this.#end - this.#start < size) {
      if (this.#fill() > 0) continue;
      const got = this.#end - this.#start;
      throw this.#error('ERR_STATE_TRUNCATED', `the stream ends after ${got} of ${size} bytes (${what})`);
    }
  }

  #moveToStart(): void {
    const left = this.#buffer.subarray(this.#start, this.#end);
    if (this.#buffer.length < BUFFER) {
      this.#buffer = new Uint8Array(BUFFER);
      this.#view = new DataView(this.#buffer.buffer);
    }
    this.#buffer.set(left);
    this.#end -= this.#start;
    this.#start = 0;
  }

  #fill(): number {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    const count = this.#source.read(this.#buffer.subarray(this.#end));
    this.#end += count;
    return count;
  }

  #error(code: StateErrorCode, message: string): StateError {
    return new StateError(code, `record ${this.#index}`, message, this.#offset);
  }
}
