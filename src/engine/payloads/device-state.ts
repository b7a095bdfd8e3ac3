import type {
  ChannelFacts,
  KindStart,
  MemoryRange,
  PacketReader,
  PacketWriter,
  PayloadKind,
  PayloadSink,
  PayloadSource,
} from '../channels/index.ts';
import {
  type ReceiveSlots,
  type ReceiveSlotsStart,
  ReceivingChannel,
  SendingChannel,
  type SendSlots,
  type SendSlotsStart,
  SLOT_BYTES,
} from '../slots/index.ts';
import { BufferField, DEVICE_HEADER, DeviceStateHeader } from './device-state-packet.ts';
import { checkFlags, PayloadFlag } from './flags.ts';
import { DeviceStateField } from './packets.ts';

/** What the kind's threads share: the slots of their side. */
type DeviceStateStart = SendSlotsStart | ReceiveSlotsStart;

/** The module of the kind, for threads that load it before there is anything to start it with. */
export const deviceStateModule = import.meta.url;

/** The state of devices, buffer by buffer, from or to `slots`. */
export function deviceStateKind(slots: SendSlots | ReceiveSlots): KindStart {
  return { module: deviceStateModule, start: slots.start };
}

/** Device state in one channel thread. */
export function createKind(start: unknown, channel: ChannelFacts): PayloadKind {
  const slots = start as DeviceStateStart;
  const half =
    channel.direction === 'send'
      ? { source: new DeviceStateSource(slots as SendSlotsStart, channel) }
      : { sink: new DeviceStateSink(slots as ReceiveSlotsStart, channel) };
  // The slots are their main thread's
  return { name: 'device-state', ...half, [Symbol.dispose]: () => undefined };
}

class DeviceStateSource implements PayloadSource {
  readonly ordered = false;
  readonly weight = 4;
  readonly #slots: SendingChannel;
  readonly #header: DeviceStateHeader;
  /** The slot that was taken. */
  #slot = -1;

  constructor(start: SendSlotsStart, channel: ChannelFacts) {
    this.#slots = new SendingChannel(start, channel.id);
    this.#header = new DeviceStateHeader(start.devices);
  }

  take(): boolean {
    this.#slot = this.#slots.take();
    return this.#slot >= 0;
  }

  write(packet: PacketWriter): void {
    const { table, arena } = this.#slots;
    const slot = this.#slot;
    const header = this.#header;
    header.device = table.deviceOf(slot);
    header.index = table.indexOf(slot);
    header.last = table.isLast(slot);
    header.length = table.lengthOf(slot);
    header.encode(packet.header.bytes);
    if (header.length > 0) packet.add(arena, slot * SLOT_BYTES, header.length);
    const packed = table.isPacked(slot) ? PayloadFlag.zstdFrame : 0;
    const again = table.isAgain(slot) ? PayloadFlag.again : 0;
    packet.send(PayloadFlag.deviceState | packed | again, DEVICE_HEADER);
    this.#slots.wrote(slot);
  }
}

class DeviceStateSink implements PayloadSink {
  readonly #slots: ReceivingChannel;
  readonly #header: DeviceStateHeader;
  readonly #known: number;

  constructor(start: ReceiveSlotsStart, channel: ChannelFacts) {
    this.#slots = new ReceivingChannel(start, channel.id);
    this.#header = new DeviceStateHeader(start.devices);
    const again = channel.extended ? PayloadFlag.again : 0;
    const packed = start.compressed ? PayloadFlag.zstdFrame : 0;
    this.#known = PayloadFlag.deviceState | again | packed;
  }

  claims(flags: number): boolean {
    return (flags & PayloadFlag.deviceState) !== 0;
  }

  read(flags: number, packet: PacketReader): void {
    checkFlags(flags, this.#known, 'a device-state packet');
    const header = this.#header;
    packet.readHeader(DeviceStateField.payload);
    header.decode(packet.header.bytes);
    packet.readHeader(BufferField.data);
    header.decodePayload(packet.header.bytes);
    const { device, index, length, last } = header;
    const place = this.#slots.claim(device, index, length, last, (flags & PayloadFlag.again) !== 0);
    // What is here already is read into nothing
    if (place < 0) receive(packet, packet.staging, 0, length);
    else this.#take(packet, place, length, last, (flags & PayloadFlag.zstdFrame) !== 0);
  }

  #take(packet: PacketReader, place: number, length: number, last: boolean, packed: boolean): void {
    const slots = this.#slots;
    try {
      if (slots.isSpilled(place)) {
        receive(packet, packet.staging, 0, length);
        slots.spill(place, packet.staging.address, length);
      } else receive(packet, slots.arena, place * SLOT_BYTES, length);
      slots.publish(place, length, last, packed);
    } catch (error) {
      slots.abandon(place);
      throw error;
    }
  }
}

/** Read the data of a packet to its end, and check what comes behind it. */
function receive(packet: PacketReader, range: MemoryRange, offset: number, length: number): void {
  if (length > 0) packet.add(range, offset, length);
  packet.receive();
  packet.end();
}
