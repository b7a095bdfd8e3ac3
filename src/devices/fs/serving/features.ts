import { InitFlag } from '../../../fuse/index.ts';

/** What files are kept in. */
export const BACKINGS = ['memory', 'directory'] as const;

export type FsBacking = (typeof BACKINGS)[number];

/** Who keeps the locks of the guest's processes: its kernel, or the device. */
export const LOCK_KEEPERS = ['guest', 'device'] as const;

export type LockKeeper = (typeof LOCK_KEEPERS)[number];

/** Something of FUSE that a device need not have, and that the guest's kernel agrees to where both do. */
export interface FuseFeature {
  /** Its migration parameter. */
  readonly name: string;
  /** The FUSE_INIT flags that go together. */
  readonly flags: bigint;
  /** The only backing that has it. */
  readonly backing?: FsBacking;
  readonly description: string;
}

/**
 * The features of FUSE that are migration parameters. Not among them: what every device of this model has (large requests,
 * asynchronous reads and the like), and what goes with the cache policy, which every one understands.
 */
export const FUSE_FEATURES: readonly FuseFeature[] = [
  {
    name: 'fuse-cache-symlinks',
    flags: InitFlag.cacheSymlinks,
    description: 'The guest keeps the targets of symbolic links',
  },
  {
    name: 'fuse-export',
    flags: InitFlag.exportSupport,
    backing: 'memory',
    description: 'The guest finds files again by node id, as an NFS server in it needs to',
  },
  {
    name: 'fuse-idmap',
    flags: InitFlag.allowIdmap,
    description: 'The guest may mount it with other ids',
  },
  {
    name: 'fuse-kill-privileges',
    flags: InitFlag.handleKillPrivilegesV2,
    description: 'The device clears setuid and setgid bits on writes, so that the guest need not ask',
  },
  {
    name: 'fuse-readdirplus',
    flags: InitFlag.readdirplus | InitFlag.readdirplusAuto,
    description: 'Reading a directory brings the attributes of what is in it',
  },
  {
    name: 'fuse-security-context',
    flags: InitFlag.securityContext,
    backing: 'memory',
    description: 'New files get the security context of whoever makes them in the same request',
  },
  {
    name: 'fuse-setxattr-extended',
    flags: InitFlag.setxattrExtended,
    description: 'Setting an access control list can clear the setgid bit',
  },
  {
    name: 'fuse-submounts',
    flags: InitFlag.submounts,
    backing: 'directory',
    description: 'What is mounted within the directory shows as mounts of its own',
  },
  {
    name: 'fuse-supplementary-groups',
    flags: InitFlag.createSupplementaryGroup,
    backing: 'directory',
    description: 'New files can get a supplementary group of whoever makes them',
  },
];

/** The FUSE_INIT flags of the features with these names. */
export function featureFlags(names: readonly string[]): bigint {
  return FUSE_FEATURES.reduce((all, { name, flags }) => (names.includes(name) ? all | flags : all), 0n);
}
