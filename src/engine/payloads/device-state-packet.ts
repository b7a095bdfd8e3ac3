import type { DeviceName } from '../slots/index.ts';
import { SLOT_BYTES } from '../slots/index.ts';
import { PacketError } from './errors.ts';
import { DeviceStateField, NAME_BYTES } from './packets.ts';

/**
 * What a device's thread gives to channels travels in packets whose payload begins as that of QEMU's VFIO devices does
 * (`VFIODeviceStatePacket`). All numbers are big-endian.
 *
 *   276  u32  version, 0
 *   280  u32  idx: which of the device's buffers this is, from 0
 *   284  u32  flags: 1 on the last one
 *   288       data, at most 1 MiB
 */
export const BufferField = { version: 276, index: 280, flags: 284, data: 288 } as const;

/** Bytes of the payload before its data. */
export const BUFFER_HEAD = BufferField.data - DeviceStateField.payload;

const LAST = 1;

/** Longest header of a device-state packet, with what precedes the data. */
export const DEVICE_HEADER = BufferField.data;

/**
 * The header of a device-state packet behind its first 12 bytes, and the beginning of its payload. One object serves all
 * packets of a channel: neither reading nor writing makes anything.
 */
export class DeviceStateHeader {
  /** The device, by its place among `names`. */
  device = 0;
  index = 0;
  last = false;
  /** Bytes of data behind the header. */
  length = 0;
  readonly #names: readonly Buffer[];
  #bytes = Buffer.alloc(0);

  /** Throws `ERR_PACKET_NAME` for a name that has no room in a packet, or that two devices have. */
  constructor(names: readonly DeviceName[]) {
    this.#names = names.map(encodeName);
    for (const [i, name] of this.#names.entries())
      if (this.#names.findIndex((other) => other.equals(name)) !== i)
        throw new PacketError('ERR_PACKET_NAME', 'idstr', `two devices are called ${names[i]!.idstr}`);
  }

  /** Write everything behind the first 12 bytes into `bytes`. */
  encode(bytes: Uint8Array<ArrayBuffer>): void {
    const header = this.#viewOf(bytes);
    this.#names[this.device]!.copy(header, DeviceStateField.idstr);
    header.writeUInt32BE(BUFFER_HEAD + this.length, DeviceStateField.payloadSize);
    header.writeUInt32BE(0, BufferField.version);
    header.writeUInt32BE(this.index, BufferField.index);
    header.writeUInt32BE(this.last ? LAST : 0, BufferField.flags);
  }

  /**
   * Read `device` and `length` from the first 276 bytes. Throws `ERR_PACKET_NAME` for a device that nobody here has, and
   * `ERR_PACKET_SIZE` where the payload is too short for its own head or longer than a slot.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): void {
    const header = this.#viewOf(bytes);
    this.device = this.#find(header);
    const size = header.readUInt32BE(DeviceStateField.payloadSize);
    if (size < BUFFER_HEAD || size > BUFFER_HEAD + SLOT_BYTES)
      throw new PacketError(
        'ERR_PACKET_SIZE',
        'next_packet_size',
        `${size} bytes of device state, expected ${BUFFER_HEAD} to ${BUFFER_HEAD + SLOT_BYTES}`,
        DeviceStateField.payloadSize,
      );
    this.length = size - BUFFER_HEAD;
  }

  /** Read `index` and `last` from the 12 bytes behind. Throws `ERR_PACKET_PAYLOAD` for what no version 0 has. */
  decodePayload(bytes: Uint8Array<ArrayBuffer>): void {
    const header = this.#viewOf(bytes);
    const version = header.readUInt32BE(BufferField.version);
    if (version !== 0)
      throw new PacketError('ERR_PACKET_PAYLOAD', 'version', `${version}, expected 0`, BufferField.version);
    const flags = header.readUInt32BE(BufferField.flags);
    if ((flags & ~LAST) !== 0)
      throw new PacketError(
        'ERR_PACKET_PAYLOAD',
        'flags',
        `0x${flags.toString(16)}, only 0x1 is known`,
        BufferField.flags,
      );
    this.index = header.readUInt32BE(BufferField.index);
    this.last = flags === LAST;
  }

  /** Devices send many packets one after the other: the one of the last packet is looked at first. */
  #find(header: Buffer): number {
    const count = this.#names.length;
    for (let i = 0; i < count; i++) {
      const device = (this.device + i) % count;
      const { idstr, payloadSize } = DeviceStateField;
      if (this.#names[device]!.compare(header, idstr, payloadSize) === 0) return device;
    }
    throw unknownName(header);
  }

  /** Made anew only where the header lies elsewhere than the last one. */
  #viewOf(bytes: Uint8Array<ArrayBuffer>): Buffer {
    if (bytes.buffer !== this.#bytes.buffer || bytes.byteOffset !== this.#bytes.byteOffset)
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.#bytes;
  }
}

/** idstr and instance_id as they are in the header. */
function encodeName({ idstr, instance }: DeviceName): Buffer {
  const name = Buffer.from(idstr, 'utf8');
  if (name.length === 0 || name.length >= NAME_BYTES || name.includes(0))
    throw new PacketError('ERR_PACKET_NAME', 'idstr', `${JSON.stringify(idstr)} has no room in a packet`);
  const field = Buffer.alloc(NAME_BYTES + 4);
  name.copy(field);
  field.writeUInt32BE(instance, NAME_BYTES);
  return field;
}

function unknownName(header: Buffer): PacketError {
  const { idstr, instance } = DeviceStateField;
  const field = header.subarray(idstr, instance);
  const end = field.indexOf(0);
  const name = JSON.stringify(field.toString('latin1', 0, Math.max(end, 0)));
  const found = end < 0 ? 'a name of 256 bytes without an end' : `no device ${name}`;
  return new PacketError(
    'ERR_PACKET_NAME',
    'idstr',
    `${found}, instance ${header.readUInt32BE(instance)}`,
    idstr,
  );
}
