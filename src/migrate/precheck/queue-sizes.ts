import type { Facts } from '../facts.ts';
import { type Finding, ok, refuse, warn } from './finding.ts';
import { atLeast, formatVersion } from './versions.ts';

const ID = 'queue-sizes';
const EXPECTED = 'queues that the destination has room for';

/** Releases before 11.1 may give every queue this size, whatever was asked for: their late stable releases do. */
const LARGEST_SIZE = 1024;

/**
 * Queues of virtio devices. Before 11.1 QEMU may run them with 1024 entries; from then on it has what was asked for, 128 by
 * default, and refuses larger ones when it loads the device, after the copy. `previewMove` finds out which one it is.
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
  if (atLeast(source, 11, 1) || !atLeast(destination, 11, 0)) return [ok(ID, 'None differs', EXPECTED)];
  const doubtful = source.peripherals.filter(
    ({ type, queueSize }) => /^(virtio|vhost-user)-/.test(type) && queueSize !== LARGEST_SIZE,
  );
  if (doubtful.length === 0) return [ok(ID, 'None is smaller at the destination', EXPECTED)];
  const names = doubtful.map(({ name, type }) => `${name} (${type})`).join(', ');
  return [
    warn(
      ID,
      `QEMU ${formatVersion(source)} may run ${names} with queues of ${LARGEST_SIZE}, more than QEMU ${formatVersion(destination)} may take`,
      EXPECTED,
      `Start vhost-user-fs with queue-size=${LARGEST_SIZE} on both sides; with other devices the destination may refuse the guest, which then goes on at the source`,
    ),
  ];
}
