/** Device state between a sender's slots and a receiver's, packet by packet and without channels. */

import type { PayloadSink, PayloadSource } from '../../../src/engine/channels/index.ts';
import { createKind } from '../../../src/engine/payloads/device-state.ts';
import {
  type DeviceName,
  type ReceiveSlots,
  type SendSlots,
  SLOT_BYTES,
} from '../../../src/engine/slots/index.ts';
import { channelFacts, KeptPackets, PacketBytes } from '../../support/engine/packets.ts';

export const DISK: DeviceName = { idstr: '0000:00:02.0/vfio', instance: 0 };
export const NIC: DeviceName = { idstr: '0000:00:03.0/vfio', instance: 7 };

/** The sending half for channel `id`, and what it has written. */
export class SendingHalf extends KeptPackets {
  readonly source: PayloadSource;

  constructor(slots: SendSlots, id = 0, extended = true) {
    super();
    this.source = createKind(slots.start, channelFacts('send', id, 4, extended)).source!;
  }

  /** Write everything that can be taken now. Returns the packets. */
  drain(): Uint8Array[] {
    const before = this.packets.length;
    while (this.source.take()) this.source.write(this);
    return this.packets.slice(before);
  }
}

/** The receiving half for channel `id`, or what is given as such. */
export class ReceivingHalf {
  readonly sink: PayloadSink;

  constructor(slots: ReceiveSlots, id = 0, extended = true, sink?: PayloadSink) {
    this.sink = sink ?? createKind(slots.start, channelFacts('receive', id, 4, extended)).sink!;
  }

  /** Read one packet. Throws what the kind throws. */
  read(packet: Uint8Array): void {
    using bytes = new PacketBytes(packet);
    const flags = bytes.begin()!;
    this.sink.read(flags & ~0x80, bytes);
    if (bytes.begin() !== undefined) throw new Error('the kind left bytes of the packet');
  }
}

export interface PacketFields {
  readonly flags?: number;
  readonly name?: DeviceName;
  readonly idstr?: Uint8Array;
  /** next_packet_size; what fits the data by default. */
  readonly size?: number;
  readonly version?: number;
  readonly index?: number;
  readonly bufferFlags?: number;
  readonly data?: Uint8Array;
}

/** A device-state packet as the layout says, field by field, without the code under test. */
export function packetOf(fields: PacketFields): Buffer {
  const { flags = 0x40, name = DISK, data = new Uint8Array(0) } = fields;
  const bytes = Buffer.alloc(288);
  bytes.writeUInt32BE(0x1122_3344, 0);
  bytes.writeUInt32BE(1, 4);
  bytes.writeUInt32BE(flags, 8);
  bytes.set(fields.idstr ?? Buffer.from(name.idstr), 12);
  bytes.writeUInt32BE(name.instance, 268);
  bytes.writeUInt32BE(fields.size ?? 12 + data.length, 272);
  bytes.writeUInt32BE(fields.version ?? 0, 276);
  bytes.writeUInt32BE(fields.index ?? 0, 280);
  bytes.writeUInt32BE(fields.bufferFlags ?? 0, 284);
  return Buffer.concat([bytes, data]);
}

/** Bytes that tell their place. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff;
  return bytes;
}

/** Resolves when `done` holds, which is looked at whenever something has changed in `slots`. */
export async function until(slots: SendSlots | ReceiveSlots, done: () => boolean): Promise<void> {
  for (;;) {
    const { seen } = slots;
    if (done()) return;
    await slots.changed(seen);
  }
}

export { SLOT_BYTES };
