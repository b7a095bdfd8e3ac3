import {
  type Assignment,
  type Domain,
  domainOf,
  intDomain,
  type Model,
  type Narrowing,
  narrow,
  strDomain,
  type Value,
} from '../../compat/index.ts';
import { defineModel, defineParameter } from '../../device/index.ts';
import { MAX_QUEUES, QUEUE_SIZE } from './limits.ts';

/** The device model string of Ferry's disks. */
export const BLK_MODEL = 'ferry.internal/virtio/blk';

/** Where the sectors of a disk are. */
export const BLK_BACKINGS = ['image', 'memory'] as const;

export type BlkBackingName = (typeof BLK_BACKINGS)[number];

/** Bytes of a disk in memory that nobody said anything else about. */
const USUAL_SIZE = 2n ** 30n;

const BLOCK_SIZES = [512, 1024, 2048, 4096];

/** Powers of two from 4 to 32768. */
const QUEUE_SIZES = Array.from({ length: 14 }, (_, i) => 4 << i);

const EITHER: Domain = { kind: 'bool', on: true, off: true };

/** These numbers, and none between them. */
function oneOfNumbers(numbers: readonly number[]): Domain {
  return intDomain(numbers.map((one) => ({ min: BigInt(one), max: BigInt(one) })));
}

function upTo(most: number): Domain {
  return intDomain([{ min: 1n, max: BigInt(most) }]);
}

/** Everything that a disk of Ferry's can be. */
export const BLK_OFFER: Model = defineModel(BLK_MODEL, [
  defineParameter('backing', {
    init: 'memory',
    domain: strDomain(BLK_BACKINGS),
    description: 'Where the sectors are: in memory, which moves, or in an image that both sides reach',
  }),
  // Which sizes there are is a matter of what it is kept in: that is for --check to say
  defineParameter('size', { init: USUAL_SIZE, description: 'Bytes of the disk' }),
  defineParameter('block-size', {
    init: 512n,
    domain: oneOfNumbers(BLOCK_SIZES),
    description: 'Bytes of the smallest unit that the guest can address',
  }),
  defineParameter('read-only', {
    init: false,
    off: false,
    domain: EITHER,
    description: 'The guest cannot write',
  }),
  defineParameter('discard', {
    init: true,
    off: false,
    description: 'Discard and write-zeroes are offered, where the guest can write',
  }),
  defineParameter('queues', { init: 1n, domain: upTo(MAX_QUEUES), description: 'Request queues' }),
  defineParameter('queue-size', {
    init: BigInt(QUEUE_SIZE),
    domain: oneOfNumbers(QUEUE_SIZES),
    description: 'Entries that a queue can have',
  }),
]);

/** What is known of a disk before it is made: what its options say, as far as they were given. */
export interface BlkGiven {
  readonly backing?: BlkBackingName;
  readonly size?: number;
  readonly blockSize?: number;
  /** The smallest blocks in which the image can be read and written. */
  readonly leastBlockSize?: number;
  readonly readOnly?: boolean;
  readonly discard?: boolean;
  readonly queues?: number;
  readonly queueSize?: number;
}

/** What a disk can be that was given these options. */
export function blkOffer(given: BlkGiven): Model {
  const changes = new Map<string, Narrowing>();
  const only = (name: string, value: Value | number | undefined) => {
    if (value === undefined) return;
    const init = typeof value === 'number' ? BigInt(value) : value;
    changes.set(name, { domain: domainOf(init), init });
  };
  const { leastBlockSize } = given;
  if (leastBlockSize !== undefined) {
    const domain = oneOfNumbers(BLOCK_SIZES.filter((size) => size >= leastBlockSize));
    changes.set('block-size', { domain, init: BigInt(leastBlockSize) });
  }
  only('backing', given.backing);
  only('size', given.size);
  only('block-size', given.blockSize);
  only('read-only', given.readOnly);
  only('discard', given.discard);
  only('queues', given.queues);
  only('queue-size', given.queueSize);
  return narrow(BLK_OFFER, changes);
}

/** The options, as plain data, of a disk that has these parameters; its image is not among them. */
export function blkOptionsOf(values: Assignment) {
  return {
    memory: Number(values.get('size')),
    blockSize: Number(values.get('block-size')),
    readOnly: values.get('read-only') === true,
    discard: values.get('discard') === true,
    queues: Number(values.get('queues')),
    queueSize: Number(values.get('queue-size')),
  };
}

/**
 * What a disk takes that has been made with `values`, and has this many bytes by now: a guest that uses less of it fits
 * as well.
 */
export function blkTakes(values: Assignment, size: number): Model {
  const changes = new Map<string, Narrowing>();
  for (const [name, init] of values) changes.set(name, { domain: domainOf(init), init });
  const widen = (name: string, domain: Domain) => changes.set(name, { domain, init: values.get(name)! });
  const entries = Number(values.get('queue-size'));
  changes.set('size', { domain: domainOf(BigInt(size)), init: BigInt(size) });
  widen('queues', upTo(Number(values.get('queues'))));
  widen('queue-size', oneOfNumbers(QUEUE_SIZES.filter((size) => size <= entries)));
  if (values.get('discard') === true) widen('discard', EITHER);
  return narrow(BLK_OFFER, changes);
}
