import { SectionType } from './constants.ts';
import { type DescribedDevice, decodeDescription } from './description.ts';
import { StreamError, type StreamErrorCode } from './errors.ts';
import type { Steps, StreamEvent } from './events.ts';
import type { StreamInput } from './input.ts';
import { MAX_DESCRIPTION_CANDIDATES, type StreamLimits } from './limits.ts';

/** What one device saved. */
export interface DeviceSection {
  readonly id: number;
  readonly idstr: string;
  readonly instance: number;
  readonly version: number;
  /** Fields without tags or lengths: only who knows the device can read them. */
  readonly body: Uint8Array;
}

type Devices = Extract<StreamEvent, { type: 'devices' }>;

/** Bytes before the description's text: `u8 0` ends the sections, `u8 6, u32 length` begins it. */
const HEAD = 6;
/** A footer: `u8 0x7e, u32 id`. */
const FOOTER = 5;
const OPENING = Buffer.from('{"');

/**
 * Everything from the first section of a single device on, to the end of the stream. Sections have no lengths, so all of it
 * is kept until the description is there, which stands last and says how long each one is. Where that begins is not said
 * either: each place that looks like its beginning is tried when it would end exactly where the bytes end, and is it only
 * when it cuts all that was kept into sections with their names and footers.
 */
export class DeviceReader {
  readonly #input: StreamInput;
  readonly #limits: StreamLimits;
  #kept: Kept | undefined;

  constructor(input: StreamInput, limits: StreamLimits) {
    this.#input = input;
    this.#limits = limits;
  }

  /** Why the bytes so far are not all, where they look as if they were. */
  get doubt(): StreamError | undefined {
    return this.#kept?.refusal;
  }

  /** All of it. The views belong to whoever gets them. */
  *read(): Steps<Devices> {
    const input = this.#input;
    this.#kept = new Kept(input.offset, this.#limits);
    for (;;) {
      if (input.available > 0) this.#kept.add(input.take(input.available));
      const found = this.#kept.description();
      if (found !== undefined) return found;
      if (input.ended) throw this.#kept.incomplete();
      yield undefined;
    }
  }
}

/** A place where the description may begin. */
interface Candidate {
  /** Where the byte stands that ends the sections. */
  readonly at: number;
  /** Where the text ends. */
  readonly end: number;
}

class Kept {
  readonly #offset: number;
  readonly #limits: StreamLimits;
  #bytes = Buffer.allocUnsafe(256 * 1024);
  #length = 0;
  #searched = HEAD;
  #candidates: Candidate[] = [];
  #tried = 0;
  /** Why what looks like a description, and ends where the bytes end, is none. */
  refusal: StreamError | undefined;

  /** `offset` is where in the stream the first byte stands. */
  constructor(offset: number, limits: StreamLimits) {
    this.#offset = offset;
    this.#limits = limits;
  }

  add(chunk: Uint8Array): void {
    const most = this.#limits.state + this.#limits.description + HEAD;
    const length = this.#length + chunk.length;
    if (length > most)
      throw this.#wrong('ERR_QEMU_LIMIT', `more than ${most} bytes of it, description and all`);
    if (length > this.#bytes.length) {
      const longer = Buffer.allocUnsafe(Math.min(most, Math.max(length, 2 * this.#bytes.length)));
      this.#bytes.copy(longer, 0, 0, this.#length);
      this.#bytes = longer;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    this.refusal = undefined;
  }

  /** Everything, where the description has come to its end. */
  description(): Devices | undefined {
    this.#search();
    for (const { at, end } of this.#candidates) {
      if (end !== this.#length) continue;
      const description = this.#bytes.subarray(at + HEAD, end);
      try {
        return { type: 'devices', sections: this.#cut(decodeDescription(description), at), description };
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
        this.refusal = error;
      }
    }
    this.#candidates = this.#candidates.filter(({ end }) => end > this.#length);
    if (this.#candidates.length === 0 && this.#length > this.#limits.state)
      throw this.#wrong('ERR_QEMU_LIMIT', `more than ${this.#limits.state} bytes of it`);
    return undefined;
  }

  /** Why the end of the stream is no end of device state. */
  incomplete(): StreamError {
    return (
      this.refusal ??
      this.#wrong('ERR_QEMU_TRUNCATED', `${this.#length} bytes, and then no whole description of them`)
    );
  }

  /** Find places where a description may begin among the bytes that are new. */
  #search(): void {
    const bytes = this.#bytes.subarray(0, this.#length);
    for (;;) {
      const text = bytes.indexOf(OPENING, this.#searched);
      if (text < 0) break;
      this.#searched = text + 1;
      const at = text - HEAD;
      if (bytes[at] !== SectionType.eof || bytes[at + 1] !== SectionType.description) continue;
      const length = bytes.readUInt32BE(at + 2);
      if (length > this.#limits.description || at > this.#limits.state) continue;
      this.#tried++;
      if (this.#tried > MAX_DESCRIPTION_CANDIDATES)
        throw this.#wrong(
          'ERR_QEMU_LIMIT',
          `more than ${MAX_DESCRIPTION_CANDIDATES} places in it look like the beginning of the description`,
        );
      this.#candidates.push({ at, end: text + length });
    }
    // The last byte may be the first half of an opening
    this.#searched = Math.max(this.#searched, this.#length - 1, HEAD);
  }

  /** Cut the bytes before `end` into one section for each of `devices`. */
  #cut(devices: readonly DescribedDevice[], end: number): DeviceSection[] {
    let at = 0;
    const sections = devices.map((device) => {
      const section = this.#section(at, end, device);
      at += sectionLength(section);
      return section;
    });
    if (at !== end)
      throw this.#wrong(
        'ERR_QEMU_DESCRIPTION',
        `the description ends ${end - at} bytes before the state`,
        at,
      );
    return sections;
  }

  /** `u8 4, u32 id, u8 length, idstr, u32 instance, u32 version, body, footer`, between `at` and `end`. */
  #section(at: number, end: number, device: DescribedDevice): DeviceSection {
    const bytes = this.#bytes.subarray(0, end);
    const short = () =>
      this.#wrong('ERR_QEMU_DESCRIPTION', `ends within ${device.name}, by the description`, at);
    if (at + 6 > end) throw short();
    const type = bytes[at]!;
    if (type !== SectionType.full)
      throw this.#wrong('ERR_QEMU_SECTION', `section type ${type} before ${device.name}`, at);
    const id = bytes.readUInt32BE(at + 1);
    const nameEnd = at + 6 + bytes[at + 5]!;
    const body = nameEnd + 8;
    if (body + device.size + FOOTER > end) throw short();
    const idstr = bytes.toString('latin1', at + 6, nameEnd);
    const instance = bytes.readUInt32BE(nameEnd);
    if (idstr !== device.name || instance !== device.instance)
      throw this.#wrong(
        'ERR_QEMU_DESCRIPTION',
        `${JSON.stringify(idstr)} ${instance} where the description has ${device.name} ${device.instance}`,
        at,
      );
    const footer = body + device.size;
    if (bytes[footer] !== SectionType.footer || bytes.readUInt32BE(footer + 1) !== id)
      throw this.#wrong('ERR_QEMU_SECTION', `no footer of section ${id} behind ${device.name}`, footer);
    const version = bytes.readUInt32BE(nameEnd + 4);
    return { id, idstr, instance, version, body: bytes.subarray(body, footer) };
  }

  #wrong(code: StreamErrorCode, message: string, at = 0): StreamError {
    return new StreamError(code, 'device state', message, this.#offset + at);
  }
}

/** Bytes of a section on the wire. */
function sectionLength({ idstr, body }: DeviceSection): number {
  return 6 + idstr.length + 8 + body.length + FOOTER;
}
