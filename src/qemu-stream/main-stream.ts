import { commandOf } from './commands.ts';
import { RAM_SECTION, SectionType } from './constants.ts';
import { DeviceReader } from './devices.ts';
import { StreamError, type StreamErrorCode } from './errors.ts';
import type { Steps, StreamEvent } from './events.ts';
import { StreamInput } from './input.ts';
import { MAX_OPEN_SECTIONS, STREAM_LIMITS, type StreamLimits } from './limits.ts';
import { dialectOf, readPrologue } from './prologue.ts';
import { RamReader } from './ram.ts';

/**
 * QEMU's main migration stream, read piece by piece: `feed` it bytes, take events by `next` until that gives undefined,
 * feed again. It does no input or output of its own. What it reads:
 *
 * - the prologue with all its subsections, and the commands of a pre-copy migration; others are refused by name
 * - `ram`, with every record that it can have without RDMA
 * - sections of single devices, which stand at the end of the stream, with the description behind them
 *
 * Other sections that are sent in parts (`dirty-bitmap`, `vfio`, …) have no length and are refused by name, and so is a device
 * whose state comes before the end of RAM. Whatever is wrong throws a `StreamError`, once and for all.
 */
export class MainStream {
  readonly #input = new StreamInput();
  readonly #limits: StreamLimits;
  readonly #devices: DeviceReader;
  readonly #steps: Steps;
  readonly #open = new Map<number, string>();
  #ramEnded = false;
  #within = false;
  #finished = false;

  constructor(limits: Partial<StreamLimits> = {}) {
    this.#limits = { ...STREAM_LIMITS, ...limits };
    this.#devices = new DeviceReader(this.#input, this.#limits);
    this.#steps = this.#read();
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#input.offset;
  }

  /** Whether the next byte belongs to something that was begun. */
  get within(): boolean {
    return this.#within;
  }

  /** Whether the stream was read to its end. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Why the stream goes on where it looks as if it had ended: what to say when nothing more comes. */
  get doubt(): StreamError | undefined {
    return this.#devices.doubt;
  }

  /** Add the next bytes, which belong to this stream from now on. Views in events before do not hold any longer. */
  feed(bytes: Uint8Array): void {
    this.#input.feed(bytes);
  }

  /** There are no more bytes. */
  end(): void {
    this.#input.ended = true;
  }

  /** The next event; undefined where more bytes have to be fed first, or where the stream has ended. */
  next(): StreamEvent | undefined {
    const { value } = this.#steps.next();
    return value ?? undefined;
  }

  *#read(): Steps {
    const input = this.#input;
    const prologue = yield* readPrologue(input);
    const ram = new RamReader(input, dialectOf(prologue, input.offset), this.#limits);
    yield prologue;
    for (;;) {
      this.#within = false;
      yield* input.need(1, 'section type');
      this.#within = true;
      const type = input.peek(0);
      if (type === SectionType.full || type === SectionType.eof) break;
      input.u8();
      switch (type) {
        case SectionType.command:
          yield* this.#command();
          break;
        case SectionType.start:
          yield* this.#start(ram);
          break;
        case SectionType.part:
        case SectionType.end:
          yield* this.#further(type === SectionType.part ? 'part' : 'end', ram);
          break;
        default:
          throw this.#wrong('section type', `0x${type.toString(16)} means nothing here`, 1);
      }
    }
    if (!this.#ramEnded) yield* this.#refuseEarly();
    const devices = yield* this.#devices.read();
    this.#within = false;
    this.#finished = true;
    yield devices;
    yield* this.#nothingMore();
  }

  /** `u16 command, u16 length, data`. */
  *#command(): Steps {
    const input = this.#input;
    yield* input.need(4, 'command');
    const id = input.u16();
    const length = input.u16();
    const name = commandOf(id, length, input.offset - 4);
    yield* input.need(length, name);
    yield { type: 'command', name, data: input.take(length) };
  }

  /** `u32 id, u8 length, idstr, u32 instance, u32 version, body, footer`. */
  *#start(ram: RamReader): Steps {
    const { id, idstr, instance, version } = yield* this.#head();
    if (idstr !== RAM_SECTION.idstr)
      throw this.#wrong(
        idstr,
        'is sent in parts that have no length: it cannot be read here',
        0,
        'ERR_QEMU_UNSUPPORTED',
      );
    if (instance !== RAM_SECTION.instance || version !== RAM_SECTION.version)
      throw this.#wrong(idstr, `instance ${instance} and version ${version}, expected 0 and 4`);
    if (this.#open.has(id)) throw this.#wrong(idstr, `begins section ${id} anew`);
    if (this.#open.size === MAX_OPEN_SECTIONS)
      throw this.#wrong(idstr, `more than ${MAX_OPEN_SECTIONS} open sections`, 0, 'ERR_QEMU_LIMIT');
    this.#open.set(id, idstr);
    yield { type: 'start', id, idstr, instance, version };
    yield* ram.body('start');
    yield* this.#footer(id, idstr);
  }

  /** `u32 id, body, footer`. */
  *#further(kind: 'part' | 'end', ram: RamReader): Steps {
    yield* this.#input.need(4, 'section id');
    const id = this.#input.u32();
    const idstr = this.#open.get(id);
    if (idstr === undefined) throw this.#wrong('section id', `${id} was not begun, or has ended`);
    yield { type: kind, id, idstr };
    yield* ram.body(kind);
    yield* this.#footer(id, idstr);
    if (kind === 'part') return;
    this.#open.delete(id);
    this.#ramEnded = this.#open.size === 0;
  }

  *#head(): Steps<{ id: number; idstr: string; instance: number; version: number }> {
    const input = this.#input;
    yield* input.need(5, 'section');
    const id = input.u32();
    const idstr = yield* input.name(input.u8(), 'section name');
    yield* input.need(8, idstr);
    return { id, idstr, instance: input.u32(), version: input.u32() };
  }

  *#footer(id: number, idstr: string): Steps {
    const input = this.#input;
    yield* input.need(5, `footer of ${idstr}`);
    const mark = input.u8();
    const found = input.u32();
    if (mark !== SectionType.footer || found !== id)
      throw this.#wrong(
        `footer of ${idstr}`,
        `0x${mark.toString(16)} and ${found}, expected 0x7e and ${id}`,
        5,
      );
    yield { type: 'footer', id };
  }

  /** Say what stands where RAM has not ended. */
  *#refuseEarly(): Steps {
    if (this.#input.u8() === SectionType.eof)
      throw this.#wrong(RAM_SECTION.idstr, 'has no END before the end of everything', 1);
    const early = yield* this.#head();
    throw this.#wrong(
      early.idstr,
      `sends its state before the end of ${RAM_SECTION.idstr}: where it ends cannot be known then`,
      0,
      'ERR_QEMU_UNSUPPORTED',
    );
  }

  *#nothingMore(): Steps {
    for (;;) {
      if (this.#input.available > 0)
        throw this.#wrong('end', `${this.#input.available} bytes come after it`, 0, 'ERR_QEMU_TRAILING');
      if (this.#input.ended) return;
      yield undefined;
    }
  }

  #wrong(field: string, message: string, back = 0, code: StreamErrorCode = 'ERR_QEMU_SECTION'): StreamError {
    return new StreamError(code, field, message, this.#input.offset - back);
  }
}
