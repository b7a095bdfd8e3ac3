import { DecodeError } from '../../errors.ts';
import { CHANNEL_MAGIC, CHANNEL_VERSION } from './constants.ts';

/**
 * What a channel begins with, 64 bytes, big-endian (the sender's; in extended mode the receiver answers with one, too):
 *
 *      0  magic u32, 0x11223344
 *      4  version u32, 1
 *      8  UUID of the machine, 16 bytes; zeroes where it has none
 *     24  id of the channel u8
 *     25  version of the extension u8: 1; stock peers have zeroes from here on
 *     26  features u16: what the sender offers, what the receiver has accepted of it
 *     28  reserved u32
 *     32  attempt u64: 0 for the first connection of this channel, counting up
 *     40  in the answer: barriers u64 that the receiver has read on this channel
 *     48  reserved, 16 bytes
 */
export const HELLO_BYTES = 64;

/** Bytes of a machine's UUID. */
export const UUID_BYTES = 16;

const EXTENSION_VERSION = 1;

/** Bits of `features`. */
export const Feature = {
  /** A CRC-32C behind each packet. */
  checksum: 1,
} as const;

/** The hello of one channel. */
export interface Hello {
  readonly uuid: Uint8Array;
  readonly id: number;
  /** Undefined towards and from stock peers. */
  readonly extension?: {
    /** `Feature` bits. */
    readonly features: number;
    readonly attempt: number;
    readonly barriersSeen: number;
  };
}

/** `hello` as it goes over the wire. */
export function encodeHello({ uuid, id, extension }: Hello): Uint8Array {
  if (uuid.length !== UUID_BYTES) throw new RangeError(`A UUID of ${uuid.length} bytes`);
  const bytes = new Uint8Array(HELLO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CHANNEL_MAGIC);
  view.setUint32(4, CHANNEL_VERSION);
  bytes.set(uuid, 8);
  view.setUint8(24, id);
  if (extension === undefined) return bytes;
  view.setUint8(25, EXTENSION_VERSION);
  view.setUint16(26, extension.features);
  view.setBigUint64(32, BigInt(extension.attempt));
  view.setBigUint64(40, BigInt(extension.barriersSeen));
  return bytes;
}

/** What a hello has to agree with. */
export interface HelloExpected {
  readonly uuid: Uint8Array;
  readonly channels: number;
  readonly extended: boolean;
}

/** Read and check a hello. Throws `DecodeError` with the code `ERR_HELLO`. */
export function decodeHello(bytes: Uint8Array, expected: HelloExpected): Hello {
  if (bytes.length !== HELLO_BYTES) refuse('length', `${bytes.length} bytes, expected ${HELLO_BYTES}`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== CHANNEL_MAGIC) refuse('magic', `0x${hex(magic)}, expected 0x${hex(CHANNEL_MAGIC)}`, 0);
  const version = view.getUint32(4);
  if (version !== CHANNEL_VERSION) refuse('version', `${version}, expected ${CHANNEL_VERSION}`, 4);
  const uuid = bytes.slice(8, 24);
  if (Buffer.compare(uuid, expected.uuid) !== 0)
    refuse('uuid', `${uuidText(uuid)}, expected ${uuidText(expected.uuid)}`, 8);
  const id = view.getUint8(24);
  if (id >= expected.channels) refuse('id', `${id}, expected less than ${expected.channels}`, 24);
  const extensionVersion = view.getUint8(25);
  if (expected.extended) return { uuid, id, extension: decodeExtension(bytes, view, extensionVersion) };
  if (extensionVersion !== 0)
    refuse(
      'extension',
      `version ${extensionVersion}, but no extension was asked for (a scheme without ferry+)`,
      25,
    );
  requireZero(bytes, 26, HELLO_BYTES);
  return { uuid, id };
}

function decodeExtension(
  bytes: Uint8Array,
  view: DataView,
  version: number,
): NonNullable<Hello['extension']> {
  if (version === 0) refuse('extension', 'version 0: a stock peer, where the scheme asks for Ferry', 25);
  if (version !== EXTENSION_VERSION)
    refuse('extension', `version ${version}, expected ${EXTENSION_VERSION}`, 25);
  requireZero(bytes, 28, 32);
  requireZero(bytes, 48, HELLO_BYTES);
  return {
    features: view.getUint16(26),
    attempt: countAt(view, 32, 'attempt'),
    barriersSeen: countAt(view, 40, 'barriers'),
  };
}

function countAt(view: DataView, at: number, field: string): number {
  const value = view.getBigUint64(at);
  if (value >= 2n ** 31n) refuse(field, `${value}, expected less than 2^31`, at);
  return Number(value);
}

function requireZero(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at++)
    if (bytes[at] !== 0) refuse('reserved', `0x${hex(bytes[at]!)}, expected 0`, at);
}

function refuse(field: string, message: string, offset: number): never {
  throw new DecodeError('ERR_HELLO', `hello.${field}`, message, offset);
}

function hex(value: number): string {
  return value.toString(16);
}

/** A UUID as it is written: `6ba7b810-9dad-11d1-80b4-00c04fd430c8`. */
function uuidText(uuid: Uint8Array): string {
  return Buffer.from(uuid)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
