/**
 * Packets as stock QEMU writes them on a multifd channel, composed here byte by byte: nothing of the code under test. All
 * numbers are big-endian.
 */

const MAGIC = 0x1122_3344;
const PAGES = 128;
export const PAGE = 4096;

/** A device as its packets name it. */
export interface DeviceName {
  readonly idstr: string;
  readonly instance: number;
}

/** Header of a device-state packet with the head of its payload: `length` bytes of data follow. */
export function deviceHead(name: DeviceName, index: number, length: number, last: boolean): Buffer {
  const head = Buffer.alloc(288);
  begin(head, 0x40);
  head.write(name.idstr, 12, 'latin1');
  head.writeUInt32BE(name.instance, 268);
  head.writeUInt32BE(length + 12, 272);
  head.writeUInt32BE(index, 280);
  head.writeUInt32BE(last ? 1 : 0, 284);
  return head;
}

/** Header of a RAM packet for `count` pages of `block` in a row, from byte `offset` on, whose contents follow. */
export function ramHead(block: string, offset: number, count: number, number: number): Buffer {
  const head = ramHeader(0, number);
  head.writeUInt32BE(PAGES, 12);
  head.writeUInt32BE(count, 16);
  head.writeUInt32BE(count * PAGE, 20);
  head.write(block, 64, 'latin1');
  for (let i = 0; i < count; i++) head.writeBigUInt64BE(BigInt(offset + i * PAGE), 320 + 8 * i);
  return head;
}

/** A SYNC packet: its header is that of a RAM packet without pages. */
export function syncPacket(number: number): Buffer {
  return ramHeader(1, number);
}

function ramHeader(flags: number, number: number): Buffer {
  const head = Buffer.alloc(320 + 8 * PAGES);
  begin(head, flags);
  head.writeBigUInt64BE(BigInt(number), 24);
  return head;
}

function begin(head: Buffer, flags: number): void {
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(1, 4);
  head.writeUInt32BE(flags, 8);
}
