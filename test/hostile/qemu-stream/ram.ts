import { encode, hex, PAGE, parts } from '../../unit/qemu-stream/streams.ts';
import { inPart, named, type Row, record } from './row.ts';

const { prologue, start, flush, endOfRam, footer } = parts;

function block(name: string, length: number): Uint8Array {
  return encode(named(name), record(0, length));
}

/** Records of RAM. */
export const RAM: readonly Row[] = [
  {
    what: 'blocks that are more than their total',
    bytes: encode(prologue, start, record(4, 3 * PAGE), block('a', 2 * PAGE), block('b', 2 * PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /b at.*8192 bytes, but only 4096 of 12288 are left/,
  },
  {
    what: 'blocks that are less than their total',
    bytes: encode(prologue, start, record(4, 3 * PAGE), block('a', 2 * PAGE), endOfRam, footer),
    code: 'ERR_QEMU_STREAM',
    says: /RAM block.*is empty/,
  },
  {
    what: 'more RAM than is taken',
    bytes: encode(prologue, start, record(4, 2 ** 40)),
    code: 'ERR_QEMU_LIMIT',
    says: /1099511627776 bytes, at most 4096/,
    limits: { ram: 4096 },
  },
  {
    what: 'a total beyond all numbers',
    bytes: encode(prologue, start, hex('fffffffffffff004')),
    code: 'ERR_QEMU_LIMIT',
    says: /2\^53/,
  },
  {
    what: 'a block beyond all numbers',
    bytes: encode(prologue, start, record(4, PAGE), named('a'), hex('fffffffffffff000')),
    code: 'ERR_QEMU_LIMIT',
    says: /0xfffffffffffff000 is beyond/,
  },
  {
    what: 'a block without a byte',
    bytes: encode(prologue, start, record(4, PAGE), block('a', 0)),
    code: 'ERR_QEMU_RAM',
    says: /a at.*0 bytes, expected whole pages/,
  },
  {
    what: 'a block of half a page',
    bytes: encode(prologue, start, record(4, PAGE), block('a', PAGE / 2)),
    code: 'ERR_QEMU_RAM',
    says: /2048 bytes, expected whole pages/,
  },
  {
    what: 'a block that is listed twice',
    bytes: encode(prologue, start, record(4, 2 * PAGE), block('a', PAGE), block('a', PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /a at.*listed twice/,
  },
  {
    what: 'more blocks than are taken',
    bytes: encode(prologue, start, record(4, 9 * PAGE), ...['a', 'b', 'c'].map((name) => block(name, PAGE))),
    code: 'ERR_QEMU_LIMIT',
    says: /more than 2 of them/,
    limits: { blocks: 2 },
  },
  {
    what: 'a block whose name is no text',
    bytes: encode(prologue, start, record(4, PAGE), block('\x1b[31m', PAGE)),
    code: 'ERR_QEMU_STREAM',
    says: /1b5b33316d is no name/,
  },
  {
    what: 'MEM_SIZE with further flags',
    bytes: encode(prologue, start, record(0x24, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MEM_SIZE/,
  },
  {
    what: 'MEM_SIZE in a part',
    bytes: encode(inPart, record(4, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MEM_SIZE/,
  },
  {
    what: 'the end of RAM before its blocks',
    bytes: encode(prologue, start, endOfRam),
    code: 'ERR_QEMU_RAM',
    says: /EOS.*before the list/,
  },
  {
    what: 'a flush before its blocks',
    bytes: encode(prologue, start, flush),
    code: 'ERR_QEMU_RAM',
    says: /MULTIFD_FLUSH.*before the list/,
  },
  {
    what: 'a flush with an offset',
    bytes: encode(inPart, record(0x200, PAGE)),
    code: 'ERR_QEMU_RAM',
    says: /MULTIFD_FLUSH.*offset 0x1000/,
  },
  {
    what: 'a record without flags',
    bytes: encode(inPart, record(0)),
    code: 'ERR_QEMU_RAM',
    says: /flags 0x0/,
  },
  {
    what: 'two kinds at once',
    bytes: encode(inPart, record(0x0a)),
    code: 'ERR_QEMU_RAM',
    says: /ZERO, PAGE.* together/,
  },
  { what: 'a retired kind', bytes: encode(inPart, record(0x100)), code: 'ERR_QEMU_RAM', says: /flags 0x100/ },
  { what: 'RDMA', bytes: encode(inPart, record(0x80)), code: 'ERR_QEMU_UNSUPPORTED', says: /HOOK.*RDMA/ },
  {
    what: 'CONTINUE with nothing before it',
    bytes: encode(inPart, record(0x28)),
    code: 'ERR_QEMU_RAM',
    says: /CONTINUE/,
  },
  {
    what: 'a page of a block that is not there',
    bytes: encode(inPart, record(8), named('vga.vram')),
    code: 'ERR_QEMU_RAM',
    says: /vga\.vram.*no RAM block/,
  },
  {
    what: 'a page before the list',
    bytes: encode(prologue, start, record(8), named('pc.ram')),
    code: 'ERR_QEMU_RAM',
    says: /pc\.ram.*no RAM block/,
  },
  {
    what: 'a page behind its block',
    bytes: encode(inPart, record(8, 8 * PAGE), named('pc.ram')),
    code: 'ERR_QEMU_RAM',
    says: /pc\.ram.*0x8000 of 32768/,
  },
  {
    what: 'a zero page behind its block, after good ones',
    bytes: encode(inPart, parts.zeroes, record(0x22, 8 * PAGE), hex('00')),
    code: 'ERR_QEMU_RAM',
    says: /0x8000 of 32768/,
  },
  {
    what: 'a zero page that is not zero',
    bytes: encode(inPart, record(2), named('pc.ram'), hex('01')),
    code: 'ERR_QEMU_RAM',
    says: /byte 0x1/,
  },
  {
    what: 'XBZRLE of another encoding',
    bytes: encode(inPart, record(0x40), named('pc.ram'), hex('02 0004')),
    code: 'ERR_QEMU_RAM',
    says: /encoding 2/,
  },
  {
    what: 'XBZRLE longer than a page',
    bytes: encode(inPart, record(0x40), named('pc.ram'), hex('01 ffff')),
    code: 'ERR_QEMU_RAM',
    says: /65535 bytes, a page has 4096/,
  },
];
