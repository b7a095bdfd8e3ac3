import { InitFlag, OpenReply } from '../../../fuse/index.ts';

/** How long the guest may go by what it was told, and what that means for what it keeps of contents. */
export interface CachePolicy {
  /** Seconds that the guest may go by a name, also by one that was not there. */
  readonly entrySeconds: number;
  /** Seconds that the guest may go by attributes. */
  readonly attributeSeconds: number;
  /** Flags in the reply to OPEN and CREATE. */
  readonly openReply: number;
  /** Flags of FUSE_INIT that go with it. */
  readonly offers: bigint;
}

const DAY = 86_400;

/**
 * The policies by name. `none`: nothing is kept, every read and write comes here. `auto`: what others change in the
 * directory is seen a second later; contents are kept while size and time of the file stay the same. `always`: nobody
 * else changes anything.
 */
export const cachePolicies = {
  none: {
    entrySeconds: 0,
    attributeSeconds: 0,
    openReply: OpenReply.directIo,
    offers: InitFlag.autoInvalidateData | InitFlag.directIoAllowMmap,
  },
  auto: {
    entrySeconds: 1,
    attributeSeconds: 1,
    openReply: 0,
    offers: InitFlag.autoInvalidateData,
  },
  always: {
    entrySeconds: DAY,
    attributeSeconds: DAY,
    openReply: OpenReply.keepCache,
    offers: InitFlag.explicitInvalidateData,
  },
} as const satisfies Record<string, CachePolicy>;

export type CacheName = keyof typeof cachePolicies;

/** The names of the policies. */
export const CACHE_NAMES = Object.keys(cachePolicies) as readonly CacheName[];
