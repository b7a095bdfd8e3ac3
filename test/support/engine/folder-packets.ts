/** Channels of a machine that was sent into a folder: read as packets, and written again in another order. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A packet, whole. */
export interface FolderPacket {
  readonly kind: 'ram' | 'barrier' | 'device';
  readonly bytes: Buffer;
  /** Of device state: which device, by its name, and its number. */
  readonly device?: string;
  readonly index?: number;
}

/** Each channel begins with the hello that it has on a socket, too. */
const HELLO = 64;
const RAM_HEADER = 320 + 8 * 128;
const DEVICE_HEADER = 276;

/** What is in a folder: the packets of each channel, in their order. */
export function readChannels(folder: string): FolderPacket[][] {
  return channelFiles(folder).map((name) => packetsOf(readFileSync(join(folder, name)).subarray(HELLO)));
}

/** A folder like `from` at `to`, but with these packets in its channels. */
export function writeChannels(
  from: string,
  to: string,
  channels: readonly (readonly FolderPacket[])[],
): void {
  cpSync(from, to, { recursive: true });
  for (const [i, name] of channelFiles(from).entries())
    writeFileSync(
      join(to, name),
      Buffer.concat([helloOf(join(from, name)), ...channels[i]!.map(({ bytes }) => bytes)]),
    );
}

function helloOf(path: string): Buffer {
  return readFileSync(path).subarray(0, HELLO);
}

function channelFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('channel-'))
    .sort();
}

function packetsOf(file: Buffer): FolderPacket[] {
  const packets: FolderPacket[] = [];
  for (let at = 0; at < file.length; ) {
    const packet = packetAt(file, at);
    packets.push(packet);
    at += packet.bytes.length;
  }
  return packets;
}

function packetAt(file: Buffer, at: number): FolderPacket {
  const flags = file.readUInt32BE(at + 8);
  if ((flags & 0x40) === 0) {
    const bytes = take(file, at, RAM_HEADER + file.readUInt32BE(at + 20));
    return { kind: (flags & 1) === 0 ? 'ram' : 'barrier', bytes };
  }
  const bytes = take(file, at, DEVICE_HEADER + file.readUInt32BE(at + 272));
  const device = bytes.toString('latin1', 12, bytes.indexOf(0, 12));
  return { kind: 'device', bytes, device, index: bytes.readUInt32BE(280) };
}

function take(file: Buffer, at: number, length: number): Buffer {
  if (file.readUInt32BE(at) !== 0x1122_3344 || at + length > file.length)
    throw new Error(`There is no whole packet at byte ${at} of ${file.length}`);
  return file.subarray(at, at + length);
}
