import { joined, words } from '../support/vhost-user-rig.ts';

/** `u64 size, u64 offset, u16 queues, u16 queue size, 4 bytes nothing` */
export function inflight(
  size: number | bigint,
  offset: number | bigint,
  queues: number,
  queueSize: number,
): Uint8Array {
  return joined(words(size, offset), new Uint8Array(new Uint16Array([queues, queueSize, 0, 0]).buffer));
}
