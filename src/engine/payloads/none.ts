import { FerryError } from '../../errors.ts';
import type {
  ChannelFacts,
  KindStart,
  PacketReader,
  PacketWriter,
  PayloadKind,
  PayloadSink,
  PayloadSource,
} from '../channels/index.ts';
import { PacketError } from './errors.ts';
import { checkFlags, METHOD_FLAGS, PayloadFlag } from './flags.ts';
import { RamField, RamHeader } from './packets.ts';

interface NoneStart {
  readonly pageSize: number;
  readonly packetNumbers: SharedArrayBuffer;
}

/**
 * Packets that carry nothing: SYNC. They have the header of a RAM packet, of the length that `pageSize` makes it, and where
 * RAM is sent, too, a number from the same counter (`RamPass.packetNumbers`). Comes after RAM among the kinds of a receiver.
 */
export function noneKind(pageSize: number, packetNumbers = new SharedArrayBuffer(4)): KindStart {
  const start: NoneStart = { pageSize, packetNumbers };
  return { module: import.meta.url, start };
}

/** SYNC packets in one channel thread. */
export function createKind(start: unknown, channel: ChannelFacts): PayloadKind {
  const { pageSize, packetNumbers } = start as NoneStart;
  const half =
    channel.direction === 'send'
      ? { source: new NoneSource(pageSize, packetNumbers) }
      : { sink: new NoneSink(pageSize, channel.extended) };
  return { name: 'none', ...half, [Symbol.dispose]: () => undefined };
}

class NoneSource implements PayloadSource {
  readonly ordered = false;
  readonly weight = 1;
  readonly #header: RamHeader;
  readonly #packetNumbers: Int32Array<SharedArrayBuffer>;

  constructor(pageSize: number, packetNumbers: SharedArrayBuffer) {
    this.#header = new RamHeader(pageSize);
    this.#packetNumbers = new Int32Array(packetNumbers);
  }

  take(): boolean {
    return false;
  }

  write(): void {
    throw new FerryError('ERR_NONE_PAYLOAD', 'There is nothing that a packet without payload could carry');
  }

  writeBarrier(packet: PacketWriter): void {
    this.#header.packetNumber = Atomics.add(this.#packetNumbers, 0, 1) >>> 0;
    this.#header.encode(packet.header.bytes);
    packet.send(PayloadFlag.sync, this.#header.length);
  }
}

class NoneSink implements PayloadSink {
  readonly #header: RamHeader;
  readonly #known: number;

  constructor(pageSize: number, extended: boolean) {
    this.#header = new RamHeader(pageSize);
    this.#known = PayloadFlag.sync | METHOD_FLAGS | (extended ? PayloadFlag.checksum : 0);
  }

  claims(flags: number): boolean {
    return (flags & PayloadFlag.sync) !== 0;
  }

  read(flags: number, packet: PacketReader): void {
    checkFlags(flags, this.#known, 'a SYNC packet');
    const header = this.#header;
    packet.readHeader(header.length);
    header.decode(packet.header.bytes);
    if (header.normal + header.zero + header.payloadSize > 0)
      throw new PacketError(
        'ERR_PACKET_COUNT',
        'normal_pages',
        `a SYNC packet with ${header.normal} pages and ${header.zero} pages of zeroes, where no RAM is received`,
        RamField.normalPages,
      );
    packet.end();
  }
}
