import { Defaults } from './defaults.ts';
import { ancestry } from './description.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';
import { groupTypes } from './groups.ts';

/** Entries of the largest queue that virtio has here. */
const LARGEST = 1024;

/** Properties that say how many entries all queues of a device get. */
export const QUEUE_SIZES: readonly string[] = ['queue-size', 'virtqueue_size'];

/**
 * Entries in virtio queues. Some releases give every queue the most there may be, whatever was asked for, and tell the guest
 * so; those before and after them refuse to load a queue that is larger than what they were asked for.
 */
export function compareQueues(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const { source, destination } = gatherer;
  if (source.queues === destination.queues) return;
  const back = source.queues === 'as-asked';
  const defaults = new Defaults(destination);
  for (const { name, there } of common) {
    const small = gatherer.types.filter((type) => {
      const device = destination.devices.get(type);
      if (device === undefined || !ancestry(source.types, type).has('virtio-device')) return false;
      const overrides = defaults.overrides(there, device);
      const given = gatherer.used(type)?.map(({ properties }) => properties) ?? [];
      return !QUEUE_SIZES.some((property) => {
        const byDefault = defaults.effective(device, overrides, property)?.value;
        const values = given.length === 0 ? [byDefault] : given.map((one) => one.get(property) ?? byDefault);
        return values.every((value) => typeof value === 'number' && value >= LARGEST);
      });
    });
    for (const device of groupTypes(gatherer, small))
      gatherer.add(
        [name],
        back
          ? comingBack(device)
          : tooLarge(device, source.queues === undefined || destination.queues === undefined),
      );
  }
}

function tooLarge(device: string, uncertain: boolean) {
  return {
    code: 'queue-size' as const,
    answer: uncertain ? ('unproven' as const) : ('no' as const),
    device,
    parameter: `${device}.${QUEUE_SIZES[0]}`,
    have: String(LARGEST),
    want: 'what the device asks for',
    message: uncertain
      ? `It could not be found out how many entries both sides give the queues of ${device}`
      : `The source gives every queue of ${device} ${LARGEST} entries, which the guest’s driver takes as they are; the destination has what the device asks for, and refuses to load more`,
    remedy: `Devices that have ${QUEUE_SIZES.join(' or ')} can be started with ${LARGEST} on both sides; remove others first`,
  };
}

function comingBack(device: string) {
  return {
    code: 'queue-size-back' as const,
    answer: 'yes' as const,
    device,
    parameter: `${device}.${QUEUE_SIZES[0]}`,
    have: 'what the device asks for',
    want: String(LARGEST),
    message: `The destination gives every queue of ${device} ${LARGEST} entries at the guest’s next reset: it cannot move back after that`,
  };
}
