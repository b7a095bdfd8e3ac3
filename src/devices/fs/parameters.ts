import {
  type Assignment,
  type Domain,
  domainOf,
  intDomain,
  type Model,
  type Narrowing,
  narrow,
  type Parameter,
  strDomain,
  unite,
  type Value,
} from '../../compat/index.ts';
import { defineModel, defineParameter } from '../../device/index.ts';
import { FUSE_MINOR, FUSE_MINOR_OLDEST } from '../../fuse/index.ts';
import { FEWEST_MEMORY, MAX_REQUEST_QUEUES, MOST_MEMORY } from './limits.ts';
import type { CommonOptions } from './options.ts';
import { BACKINGS, type FsBacking, FUSE_FEATURES, LOCK_KEEPERS } from './serving/features.ts';

/** The device model string of Ferry's file systems. */
export const FS_MODEL = 'ferry.internal/virtio/fs';

/** Bytes of a file system in memory that nobody said anything else about. */
const USUAL_MEMORY = 2n ** 30n;

const EITHER: Domain = { kind: 'bool', on: true, off: true };
const LOCKS = strDomain(LOCK_KEEPERS);
const between = (min: number, max: number) => intDomain([{ min: BigInt(min), max: BigInt(max) }]);
const MEMORY = between(FEWEST_MEMORY, MOST_MEMORY);

const PARAMETERS: readonly Parameter[] = [
  defineParameter('backing', {
    init: 'memory',
    domain: strDomain(BACKINGS),
    description:
      'What files are kept in: memory, which moves with them, or a directory of the host, which does not',
  }),
  defineParameter('memory', {
    init: USUAL_MEMORY,
    off: 0n,
    domain: unite(MEMORY, domainOf(0n)),
    description:
      'Bytes that the contents of all files can have together, as the guest sees them; 0 with a directory',
  }),
  defineParameter('read-only', {
    init: false,
    off: false,
    domain: EITHER,
    description: 'The guest can change nothing (directory)',
  }),
  defineParameter('request-queues', {
    init: 1n,
    domain: between(1, MAX_REQUEST_QUEUES),
    description: 'Queues for requests, beside the one for urgent ones',
  }),
  defineParameter('config-space', {
    init: false,
    off: false,
    domain: EITHER,
    description: 'There is a configuration space with the tag, for front ends that have none of their own',
  }),
  defineParameter('locks', {
    init: 'guest',
    off: 'guest',
    domain: LOCKS,
    description: "Where the guest's POSIX and flock locks are kept",
  }),
  defineParameter('fuse-minor', {
    init: BigInt(FUSE_MINOR),
    domain: between(FUSE_MINOR_OLDEST, FUSE_MINOR),
    description:
      'Minor version of FUSE 7: the latest that is spoken until there is a guest, then the one agreed on',
  }),
  ...FUSE_FEATURES.map(({ name, backing, description }) =>
    defineParameter(name, { init: backing !== 'directory', off: false, domain: EITHER, description }),
  ),
];

/** The parameters that have nothing but their off value with the other backing. */
function absentWith(backing: FsBacking): Map<string, Value> {
  const features = FUSE_FEATURES.filter(
    (feature) => feature.backing !== undefined && feature.backing !== backing,
  );
  const rest: [string, Value] = backing === 'memory' ? ['read-only', false] : ['memory', 0n];
  return new Map([...features.map(({ name }): [string, Value] => [name, false]), rest]);
}

/** Everything that a file system of Ferry's can be. */
export const FS_OFFER: Model = defineModel(FS_MODEL, PARAMETERS, [
  [
    new Map<string, Value | Domain>([['backing', 'memory'], ['memory', MEMORY], ...absentWith('memory')]),
    new Map<string, Value | Domain>([['backing', 'directory'], ...absentWith('directory')]),
  ],
]);

/** What is known of a device before it is made: what its options say, as far as they were given. */
export interface FsGiven extends Partial<Pick<CommonOptions, 'requestQueues' | 'locks'>> {
  readonly backing?: FsBacking;
  readonly memory?: number;
  readonly readOnly?: boolean;
  /** Whether there is one; undefined: it is not known yet. */
  readonly tag?: boolean;
}

/** What a device can be that was given these options. */
export function fsOffer(given: FsGiven): Model {
  const { backing } = given;
  const changes = new Map<string, Narrowing>();
  const only = (name: string, value: Value | undefined) => {
    if (value !== undefined) changes.set(name, { domain: domainOf(value), init: value });
  };
  if (backing !== undefined) {
    only('backing', backing);
    if (backing === 'memory') changes.set('memory', { domain: MEMORY, init: USUAL_MEMORY });
    for (const { name } of FUSE_FEATURES) changes.set(name, { domain: EITHER, init: true });
    for (const [name, value] of absentWith(backing)) only(name, value);
  }
  only('memory', given.memory === undefined ? undefined : BigInt(given.memory));
  only('read-only', given.readOnly);
  only('request-queues', given.requestQueues === undefined ? undefined : BigInt(given.requestQueues));
  only('config-space', given.tag);
  only('locks', given.locks);
  const model = narrow(FS_OFFER, changes);
  // Without a choice of backings nothing is left of the rule
  return backing === undefined ? model : { ...model, constraints: [] };
}

/** The options, as plain data, of a device that has these parameters; where a directory or a tag comes from is not said. */
export function fsOptionsOf(values: Assignment): Readonly<Record<string, unknown>> {
  const inMemory = values.get('backing') === 'memory';
  return {
    ...(inMemory ? { memory: Number(values.get('memory')) } : { readOnly: values.get('read-only') }),
    requestQueues: Number(values.get('request-queues')),
    locks: values.get('locks'),
    fuseMinor: Number(values.get('fuse-minor')),
    withoutFeatures: FUSE_FEATURES.map(({ name }) => name).filter((name) => values.get(name) === false),
  };
}

/**
 * What a device takes that has been made with `values`, and offers its guest these flags of FUSE_INIT and this minor
 * version: a guest that uses less of it fits as well, and so does less memory, which grows for the guest then.
 */
export function fsTakes(
  values: Assignment,
  offers: { readonly flags: bigint; readonly minor: number },
): Model {
  const changes = new Map<string, Narrowing>();
  for (const [name, init] of values) changes.set(name, { domain: domainOf(init), init });
  const widen = (name: string, domain: Domain) => changes.set(name, { domain, init: values.get(name)! });
  const number = (name: string) => Number(values.get(name));
  if (values.get('backing') === 'memory') widen('memory', between(FEWEST_MEMORY, number('memory')));
  widen('request-queues', between(1, number('request-queues')));
  widen('fuse-minor', between(FUSE_MINOR_OLDEST, offers.minor));
  widen('locks', LOCKS);
  if (values.get('config-space') === true) widen('config-space', EITHER);
  for (const { name, flags } of FUSE_FEATURES) if ((offers.flags & flags) !== 0n) widen(name, EITHER);
  return { ...narrow(FS_OFFER, changes), constraints: [] };
}
