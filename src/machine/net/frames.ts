const ETHERNET = 14;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const ARP = 28;
const IPV4 = 20;
const UDP = 8;
const PROTOCOL_UDP = 17;
const DHCP_CLIENT = 68;
const DHCP_SERVER = 67;
/** Where the options of a DHCP message begin, behind the cookie. */
const DHCP_OPTIONS = 240;
const DHCP_COOKIE = [99, 130, 83, 99];
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

/** A frame with a DHCPDISCOVER (RFC 2131) from a client without an address. */
export function dhcpDiscover(mac: readonly number[]): Uint8Array {
  const dhcp = new Uint8Array(DHCP_OPTIONS + 8);
  // Request, Ethernet, addresses of 6 bytes, no hops; then a transaction number
  dhcp.set([1, 1, 6, 0, 0x46, 0x45, 0x52, 0x59]);
  dhcp.set(mac, 28);
  dhcp.set(DHCP_COOKIE, DHCP_OPTIONS - 4);
  // Option 53, message type: discover; end
  dhcp.set([53, 1, 1, 255], DHCP_OPTIONS);
  return udpBroadcast(mac, DHCP_CLIENT, DHCP_SERVER, dhcp);
}

/** The IPv4 address that a DHCPOFFER in `frame` offers; undefined for any other frame. */
export function dhcpOffer(frame: Uint8Array): number[] | undefined {
  const dhcp = ETHERNET + IPV4 + UDP;
  if (frame.length < dhcp + DHCP_OPTIONS || frame[ETHERNET + 9] !== PROTOCOL_UDP) return undefined;
  const [source, cookie] = [frame[ETHERNET + IPV4 + 1], frame.subarray(dhcp + DHCP_OPTIONS - 4)];
  if (source !== DHCP_SERVER || DHCP_COOKIE.some((byte, i) => cookie[i] !== byte)) return undefined;
  return [...frame.subarray(dhcp + 16, dhcp + 20)];
}

/** A UDP datagram (RFC 768) from a host without an address to all hosts. */
function udpBroadcast(mac: readonly number[], from: number, to: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET + IPV4 + UDP + payload.length);
  frame.set([...BROADCAST, ...mac, ...bigEndian(TYPE_IPV4)]);
  const ip = frame.subarray(ETHERNET, ETHERNET + IPV4);
  ip.set([0x45, 0, ...bigEndian(frame.length - ETHERNET), 0, 0, 0, 0, 64, PROTOCOL_UDP]);
  ip.set([0, 0, 0, 0, 255, 255, 255, 255], 12);
  ip.set(bigEndian(checksum(ip)), 10);
  // A checksum of zero says that there is none
  frame.set(
    [...bigEndian(from), ...bigEndian(to), ...bigEndian(UDP + payload.length), 0, 0],
    ETHERNET + IPV4,
  );
  frame.set(payload, ETHERNET + IPV4 + UDP);
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
