import { HeaderDigest } from './digest.ts';
import { StateError } from './errors.ts';
import { CLOSING_SIZE, encodeHead, FLAG_REQUIRED, headerOf, sealFrame } from './frame.ts';
import { type FrameKind, isName, Kind } from './kinds.ts';
import { HEADER_SIZE, MAX_FRAMES, MAX_PAYLOAD } from './limits.ts';
import { encodeOpening, type StateIdentity } from './opening.ts';
import type { RecordWriter, Section } from './section.ts';

/** Bytes that are collected before they go to the sink. */
const BATCH = 256 * 1024;

/** A part of this size goes to the sink by itself: a call costs less than copying it. */
const DIRECT = 32 * 1024;

/** Where the bytes of a stream go. */
export interface ByteSink {
  /** Write all of `bytes`, which may lie in mapped memory and may change afterwards; throws where that fails. */
  write(bytes: Uint8Array): void;
}

/** Writes a state stream: the opening at once, records as they come, the closing with `close`. */
export class StateWriter implements RecordWriter {
  readonly #sink: ByteSink;
  readonly #batch = new Uint8Array(BATCH);
  readonly #view = new DataView(this.#batch.buffer);
  readonly #digest = new HeaderDigest();
  #filled = 0;
  #index = 0;
  #records = 0;
  #bytes = 0;
  #closed = false;

  constructor(sink: ByteSink, identity: StateIdentity) {
    this.#sink = sink;
    this.#append(Kind.opening, 0, identity.device, identity.stateVersion, [encodeOpening(identity)]);
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(section: Section, ...parts: Uint8Array[]): void {
    if (this.#closed) throw misuse(section.name, 'The stream has been closed');
    this.#bytes += this.#append(
      Kind.record,
      section.required ? FLAG_REQUIRED : 0,
      section.name,
      section.version,
      parts,
    );
    this.#records++;
  }

  /** Write the closing and give everything to the sink. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const payload = new Uint8Array(CLOSING_SIZE);
    new DataView(payload.buffer).setUint32(0, this.#index, true);
    payload.set(this.#digest.finish(), 4);
    this.#append(Kind.closing, 0, '', 0, [payload]);
    this.#flush();
  }

  /** Append one frame and return the length of its payload. */
  #append(
    kind: FrameKind,
    flags: number,
    name: string,
    version: number,
    parts: readonly Uint8Array[],
  ): number {
    let length = 0;
    for (const part of parts) length += part.length;
    const closing = kind === Kind.closing;
    if (length > MAX_PAYLOAD)
      throw new StateError(
        'ERR_STATE_SIZE',
        `record ${this.#index} (${name})`,
        `${length} bytes, at most ${MAX_PAYLOAD}`,
      );
    if (!closing && (!isName(name) || !(version >= 1 && version <= MAX_FRAMES)))
      throw misuse(name, `Section ${JSON.stringify(name)} version ${version} cannot be written`);
    if (!closing && this.#index >= MAX_FRAMES) throw misuse(name, `More than ${MAX_FRAMES} records`);
    if (BATCH - this.#filled < HEADER_SIZE) this.#flush();
    const at = this.#filled;
    encodeHead({ kind, flags, index: this.#index, length, version, name }, this.#view, at);
    sealFrame(headerOf(this.#batch, at), this.#view, at, parts);
    if (!closing) this.#digest.add(this.#batch, at);
    this.#filled += HEADER_SIZE;
    this.#index++;
    for (const part of parts) this.#emit(part);
    return length;
  }

  #emit(part: Uint8Array): void {
    if (part.length >= DIRECT) {
      this.#flush();
      this.#sink.write(part);
      return;
    }
    if (part.length > BATCH - this.#filled) this.#flush();
    this.#batch.set(part, this.#filled);
    this.#filled += part.length;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    this.#sink.write(this.#batch.subarray(0, this.#filled));
    this.#filled = 0;
  }
}

function misuse(name: string, message: string): StateError {
  return new StateError('ERR_STATE_SECTION', `section ${name}`, message);
}
