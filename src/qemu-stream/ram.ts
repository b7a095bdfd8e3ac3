import { RamFlag } from './constants.ts';
import { StreamError, type StreamErrorCode } from './errors.ts';
import type { Steps, StreamBlock } from './events.ts';
import type { StreamInput } from './input.ts';
import { type StreamLimits, ZERO_PAGES_AT_ONCE } from './limits.ts';
import type { Dialect } from './prologue.ts';

/** What may stand in a record's flags, `continued` aside. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [RamFlag.zero, 'ZERO'],
  [RamFlag.memSize, 'MEM_SIZE'],
  [RamFlag.page, 'PAGE'],
  [RamFlag.endOfSection, 'EOS'],
  [RamFlag.xbzrle, 'XBZRLE'],
  [RamFlag.hook, 'HOOK'],
  [RamFlag.multifdFlush, 'MULTIFD_FLUSH'],
]);

const PAGE_KINDS = RamFlag.zero | RamFlag.page | RamFlag.xbzrle;

/** How XBZRLE says that it is that. */
const XBZRLE_ENCODING = 1;

/**
 * The records of the `ram` section. Each begins with a u64: flags in the bits below a page's size, above them an offset
 * in a block, or the bytes of all blocks. Pages name their block (`u8 length, name`) unless it is that of the page before.
 */
export class RamReader {
  readonly #input: StreamInput;
  readonly #dialect: Dialect;
  readonly #limits: StreamLimits;
  readonly #blocks = new Map<string, StreamBlock>();
  readonly #offsets = new Float64Array(ZERO_PAGES_AT_ONCE);
  #listed = false;
  #last: StreamBlock | undefined;

  constructor(input: StreamInput, dialect: Dialect, limits: StreamLimits) {
    this.#input = input;
    this.#dialect = dialect;
    this.#limits = limits;
  }

  /** All records of one section, to its EOS. */
  *body(kind: 'start' | 'part' | 'end'): Steps {
    const input = this.#input;
    for (;;) {
      yield* input.need(8, 'ram record');
      const high = input.u32();
      const low = input.u32();
      const flags = low & (this.#dialect.pageSize - 1);
      const value = high * 2 ** 32 + (low - flags);
      if (!Number.isSafeInteger(value)) throw this.#wrong('record', `offset beyond 2^53`, 'ERR_QEMU_LIMIT');
      const what = flags & ~RamFlag.continued;
      switch (what) {
        case RamFlag.memSize:
          if (kind !== 'start' || this.#listed || flags !== what)
            throw this.#wrong('MEM_SIZE', 'stands elsewhere than once at the beginning');
          yield* this.#list(value);
          break;
        case RamFlag.zero:
        case RamFlag.page:
        case RamFlag.xbzrle:
          if (what === RamFlag.zero) yield* this.#zeroPages(flags, value);
          else yield* this.#page(what, flags, value);
          break;
        case RamFlag.multifdFlush:
        case RamFlag.endOfSection:
          if (value !== 0 || flags !== what)
            throw this.#wrong(KINDS.get(what)!, `has offset 0x${value.toString(16)} or further flags`);
          if (!this.#listed) throw this.#wrong(KINDS.get(what)!, 'comes before the list of blocks');
          if (what === RamFlag.endOfSection) {
            yield { type: 'end-of-ram' };
            return;
          }
          yield { type: 'flush' };
          break;
        default:
          throw this.#unknown(flags);
      }
    }
  }

  /** `u8 length, name, u64 bytes [, u64 guest address]`, until the bytes of all blocks make exactly `total`. */
  *#list(total: number): Steps {
    const input = this.#input;
    const { pageSize, ignoreShared } = this.#dialect;
    if (total > this.#limits.ram)
      throw this.#wrong(
        'MEM_SIZE',
        `${total} bytes, at most ${this.#limits.ram} are taken`,
        'ERR_QEMU_LIMIT',
      );
    for (let left = total; left > 0; ) {
      if (this.#blocks.size === this.#limits.blocks)
        throw this.#wrong('RAM block', `more than ${this.#limits.blocks} of them`, 'ERR_QEMU_LIMIT');
      const name = yield* this.#name();
      yield* input.need(ignoreShared ? 16 : 8, name);
      const length = input.u64(name);
      if (length === 0 || length % pageSize !== 0)
        throw this.#wrong(name, `${length} bytes, expected whole pages of ${pageSize}`);
      if (length > left)
        throw this.#wrong(name, `${length} bytes, but only ${left} of ${total} are left for it`);
      if (this.#blocks.has(name)) throw this.#wrong(name, 'is listed twice');
      const block = { name, length, ...(ignoreShared && { guestAddress: input.u64(name) }) };
      this.#blocks.set(name, block);
      left -= length;
    }
    this.#listed = true;
    yield { type: 'blocks', total, blocks: [...this.#blocks.values()] };
  }

  /** The zero page at `offset`, and those of the same block that follow at once. */
  *#zeroPages(flags: number, offset: number): Steps {
    const input = this.#input;
    const { named, block } = yield* this.#block(flags, offset);
    const offsets = this.#offsets;
    yield* this.#zero(block);
    offsets[0] = offset;
    let count = 1;
    while (count < offsets.length && input.available >= 9) {
      const low = input.peekU32(4);
      if ((low & (this.#dialect.pageSize - 1)) !== (RamFlag.zero | RamFlag.continued)) break;
      const next = input.peekU32(0) * 2 ** 32 + (low - (RamFlag.zero | RamFlag.continued));
      input.take(8);
      this.#within(block, next);
      yield* this.#zero(block);
      offsets[count] = next;
      count++;
    }
    yield { type: 'zero-pages', block, named, offsets, count };
  }

  *#zero(block: StreamBlock): Steps {
    if (this.#input.available < 1) yield* this.#input.need(1, block.name);
    const fill = this.#input.u8();
    if (fill !== 0) throw this.#wrong(block.name, `a ZERO record of byte 0x${fill.toString(16)}`);
  }

  /** `page bytes`, or for XBZRLE `u8 1, u16 length, encoded bytes`. */
  *#page(what: number, flags: number, offset: number): Steps {
    const input = this.#input;
    const { named, block } = yield* this.#block(flags, offset);
    let length = this.#dialect.pageSize;
    if (what === RamFlag.xbzrle) {
      yield* input.need(3, block.name);
      const encoding = input.u8();
      if (encoding !== XBZRLE_ENCODING) throw this.#wrong(block.name, `XBZRLE of encoding ${encoding}`);
      length = input.u16();
      if (length === 0 || length > this.#dialect.pageSize)
        throw this.#wrong(block.name, `XBZRLE of ${length} bytes, a page has ${this.#dialect.pageSize}`);
    }
    yield* input.need(length, block.name);
    const bytes = input.take(length);
    yield { type: what === RamFlag.xbzrle ? 'xbzrle' : 'page', block, named, offset, bytes };
  }

  /** The block that a page record is of. */
  *#block(flags: number, offset: number): Steps<{ named: boolean; block: StreamBlock }> {
    const named = (flags & RamFlag.continued) === 0;
    if (!named && this.#last === undefined)
      throw this.#wrong('CONTINUE', 'comes before any page that names its block');
    if (named) {
      const name = yield* this.#name();
      const found = this.#blocks.get(name);
      if (found === undefined) throw this.#wrong(name, 'is no RAM block of the list');
      this.#last = found;
    }
    const block = this.#last!;
    this.#within(block, offset);
    return { named, block };
  }

  #within(block: StreamBlock, offset: number): void {
    if (offset > block.length - this.#dialect.pageSize)
      throw this.#wrong(block.name, `a page at 0x${offset.toString(16)} of ${block.length} bytes`);
  }

  *#name(): Steps<string> {
    yield* this.#input.need(1, 'RAM block');
    return yield* this.#input.name(this.#input.u8(), 'RAM block');
  }

  #unknown(flags: number): StreamError {
    const names = [...KINDS].flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]));
    const said = `flags 0x${flags.toString(16)}${names.length === 0 ? '' : ` (${names.join(', ')})`}`;
    if ((flags & ~RamFlag.continued) === RamFlag.hook)
      return this.#wrong('record', `${said} are RDMA's`, 'ERR_QEMU_UNSUPPORTED');
    const several = (flags & PAGE_KINDS) !== 0 && names.length > 1 ? ' together' : '';
    return this.#wrong('record', `${said} mean nothing${several}`);
  }

  #wrong(field: string, message: string, code: StreamErrorCode = 'ERR_QEMU_RAM'): StreamError {
    return new StreamError(code, `ram, ${field}`, message, this.#input.offset);
  }
}
