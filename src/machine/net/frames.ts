const ETHERNET = 14;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const ARP = 28;
/** Frames shorter than this are padded with zeroes. */
const SHORTEST = 60;

/** An Ethernet address and an IPv4 address, as bytes. */
export interface Host {
  readonly mac: readonly number[];
  readonly address: readonly number[];
}

/** An Ethernet frame that asks who has the IPv4 address `wanted` (RFC 826). */
export function arpRequest(asker: Host, wanted: readonly number[]): Uint8Array {
  const frame = new Uint8Array(SHORTEST);
  frame.set([...BROADCAST, ...asker.mac, ...bigEndian(TYPE_ARP)]);
  // Ethernet, IPv4, lengths 6 and 4, request
  frame.set([0, 1, 8, 0, 6, 4, 0, 1, ...asker.mac, ...asker.address, 0, 0, 0, 0, 0, 0, ...wanted], ETHERNET);
  return frame;
}

/** Who answers with `frame` an ARP request; undefined for any other frame. */
export function arpAnswer(frame: Uint8Array): Host | undefined {
  if (frame.length < ETHERNET + ARP || frame[12] !== TYPE_ARP >> 8 || frame[13] !== (TYPE_ARP & 0xff))
    return undefined;
  if (frame[ETHERNET + 7] !== 2) return undefined;
  return { mac: [...frame.subarray(22, 28)], address: [...frame.subarray(28, 32)] };
}

/** An ICMP echo request (RFC 792) from `asker` to `target`, with `payload`. */
export function echoRequest(asker: Host, target: Host, sequence: number, payload: Uint8Array): Uint8Array {
  const icmp = new Uint8Array(8 + payload.length);
  icmp.set([8, 0, 0, 0, 0x46, 0x59, ...bigEndian(sequence)]);
  icmp.set(payload, 8);
  icmp.set(bigEndian(checksum(icmp)), 2);
  const ip = new Uint8Array(20);
  ip.set([
    0x45,
    0,
    ...bigEndian(20 + icmp.length),
    0,
    0,
    0,
    0,
    64,
    1,
    0,
    0,
    ...asker.address,
    ...target.address,
  ]);
  ip.set(bigEndian(checksum(ip)), 10);
  const frame = new Uint8Array(Math.max(SHORTEST, ETHERNET + ip.length + icmp.length));
  frame.set([...target.mac, ...asker.mac, ...bigEndian(TYPE_IPV4)]);
  frame.set(ip, ETHERNET);
  frame.set(icmp, ETHERNET + ip.length);
  return frame;
}

function bigEndian(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
