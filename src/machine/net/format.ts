import { struct, u8, u16, u32 } from '../../wire/index.ts';

/** Features of virtio-net (virtio 1.2, section 5.1). */
export const NetFeature = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  MQ: 1n << 22n,
} as const;

/** What precedes every frame either way: `u8 flags, gso type; u16 header, gso size, checksum start, offset; u16 buffers` */
export const netHeader = struct('virtio-net header', {
  flags: u8,
  gsoType: u8,
  headerLength: u16,
  gsoSize: u16,
  checksumStart: u16,
  checksumOffset: u16,
  buffers: u16,
});

const config = struct('virtio-net configuration', {
  mac0: u32,
  mac4: u16,
  status: u16,
  queuePairs: u16,
  mtu: u16,
});

/** Bytes of configuration space that `decodeNetConfig` reads. */
export const NET_CONFIG_LENGTH = config.size;

/** A virtio-net device's configuration; which fields mean something depends on the features. */
export interface NetConfig {
  /** `52:54:00:12:34:56` */
  readonly mac: string;
  readonly status: number;
  readonly queuePairs: number;
  readonly mtu: number;
}

/** Decode the first 12 bytes of a virtio-net device's configuration space. Throws `ERR_TRUNCATED`. */
export function decodeNetConfig(bytes: Uint8Array): NetConfig {
  const { status, queuePairs, mtu } = config.decode(bytes);
  return { mac: macText(bytes), status, queuePairs, mtu };
}

/** The first six bytes as a MAC address. */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
