import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';
import { atLeast, formatVersion } from './versions.ts';

const ID = 'queue-sizes';
const EXPECTED = 'queues that the destination has room for';

/** From this size on QEMU 10.0 and its successors agree: 10.0 gives every queue this size, whatever was asked for. */
const QEMU_10_0_SIZE = 1024;

/**
 * Queues of virtio devices. QEMU 10.0 runs them with 1024 entries; a QEMU from 11.0 on has what was asked for, 128 by
 * default, and refuses larger ones when it loads the device, after the copy.
 */
export function checkQueueSizes({ source, destination }: Facts): Finding[] {
  const there = new Map(destination.peripherals.map(({ name, queueSize }) => [name, queueSize]));
  const differing = source.peripherals.filter(
    ({ name, queueSize }) =>
      queueSize !== undefined && there.get(name) !== undefined && there.get(name) !== queueSize,
  );
  if (differing.length > 0)
    return differing.map(({ name, type, queueSize }) =>
      refuse(
        ID,
        `${name} (${type}) has queue-size ${queueSize} at the source, ${there.get(name)} at the destination`,
        EXPECTED,
        `Start the destination with ${type},…,queue-size=${queueSize}`,
      ),
    );
  if (atLeast(source, 10, 1) || !atLeast(destination, 11, 0)) return [ok(ID, 'None differs', EXPECTED)];
  const doubtful = source.peripherals.filter(
    ({ type, queueSize }) => /^(virtio|vhost-user)-/.test(type) && queueSize !== QEMU_10_0_SIZE,
  );
  if (doubtful.length === 0) return [ok(ID, 'None is smaller at the destination', EXPECTED)];
  const names = doubtful.map(({ name, type }) => `${name} (${type})`).join(', ');
  return [
    warn(
      ID,
      `QEMU ${formatVersion(source)} runs ${names} with queues of ${QEMU_10_0_SIZE}, more than QEMU ${formatVersion(destination)} may take`,
      EXPECTED,
      `Start vhost-user-fs with queue-size=${QEMU_10_0_SIZE} on both sides; with other devices the destination may refuse the guest, which then goes on at the source`,
    ),
  ];
}
