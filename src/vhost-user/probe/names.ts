import { ProtocolFeature } from '../constants.ts';

/** Kinds of devices whose features and configuration are known by name. */
export const DEVICE_TYPES = ['blk', 'fs', 'net'] as const;
export type DeviceType = (typeof DEVICE_TYPES)[number];

/** Features of any virtio device, by bit (virtio 1.2, section 6; 26 and 30 are vhost's). */
const TRANSPORT: Readonly<Record<number, string>> = {
  24: 'NOTIFY_ON_EMPTY',
  26: 'LOG_ALL',
  27: 'ANY_LAYOUT',
  28: 'INDIRECT_DESC',
  29: 'EVENT_IDX',
  30: 'PROTOCOL_FEATURES',
  32: 'VERSION_1',
  33: 'ACCESS_PLATFORM',
  34: 'RING_PACKED',
  35: 'IN_ORDER',
  36: 'ORDER_PLATFORM',
  37: 'SR_IOV',
  38: 'NOTIFICATION_DATA',
  39: 'NOTIF_CONFIG_DATA',
  40: 'RING_RESET',
};

/** Features of each kind of device, by bit (virtio 1.2, sections 5.1, 5.2 and 5.11). */
const DEVICE: Readonly<Record<DeviceType, Readonly<Record<number, string>>>> = {
  blk: {
    1: 'SIZE_MAX',
    2: 'SEG_MAX',
    4: 'GEOMETRY',
    5: 'RO',
    6: 'BLK_SIZE',
    9: 'FLUSH',
    10: 'TOPOLOGY',
    11: 'CONFIG_WCE',
    12: 'MQ',
    13: 'DISCARD',
    14: 'WRITE_ZEROES',
    15: 'LIFETIME',
    16: 'SECURE_ERASE',
    17: 'ZONED',
  },
  fs: { 0: 'NOTIFICATION' },
  net: {
    0: 'CSUM',
    1: 'GUEST_CSUM',
    2: 'CTRL_GUEST_OFFLOADS',
    3: 'MTU',
    5: 'MAC',
    7: 'GUEST_TSO4',
    8: 'GUEST_TSO6',
    9: 'GUEST_ECN',
    10: 'GUEST_UFO',
    11: 'HOST_TSO4',
    12: 'HOST_TSO6',
    13: 'HOST_ECN',
    14: 'HOST_UFO',
    15: 'MRG_RXBUF',
    16: 'STATUS',
    17: 'CTRL_VQ',
    18: 'CTRL_RX',
    19: 'CTRL_VLAN',
    21: 'GUEST_ANNOUNCE',
    22: 'MQ',
    23: 'CTRL_MAC_ADDR',
  },
};

/** The bits that are set, lowest first. */
export function bitsOf(value: bigint): number[] {
  return [...Array(64).keys()].filter((bit) => (value & (1n << BigInt(bit))) !== 0n);
}

/** Names of virtio features; `bit 17` for one that has none among a device of this type. */
export function virtioFeatureNames(features: bigint, type: DeviceType | undefined): string[] {
  return bitsOf(features).map(
    (bit) => TRANSPORT[bit] ?? (type === undefined ? undefined : DEVICE[type][bit]) ?? `bit ${bit}`,
  );
}

const PROTOCOL = new Map(Object.entries(ProtocolFeature).map(([name, bit]) => [bit, name]));

/** Names of protocol features; `bit 23` for one that has none. */
export function protocolFeatureNames(features: bigint): string[] {
  return bitsOf(features).map((bit) => PROTOCOL.get(1n << BigInt(bit)) ?? `bit ${bit}`);
}

/** What kind of device offers such features, where they tell; many kinds have none of their own. */
export function guessType(features: bigint): DeviceType | undefined {
  const has = (...bits: number[]) => bits.every((bit) => (features & (1n << BigInt(bit))) !== 0n);
  if (has(15) && !has(6)) return 'net';
  if (has(2, 6) || has(6, 9)) return 'blk';
  return undefined;
}
