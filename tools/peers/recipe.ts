/** What the cache holds: one set for each Debian suite, because two versions of one program cannot share a root; and one of sources. */
import { createHash } from 'node:crypto';

export interface Recipe {
  readonly set: string;
  /** Suite whose versions are preferred; its dependencies may come from the other one. */
  readonly suite: string;
  /** Packages unpacked together with everything they depend on. */
  readonly packages: readonly string[];
  /** Packages unpacked without what they depend on. */
  readonly alone: readonly string[];
  /** Meta package of the kernel: its image and configuration are taken, its scripts are not. */
  readonly kernel: string;
  /** The only modules of the kernel that are taken, as their packages have them: compressed. */
  readonly modules: readonly string[];
  /** Programs, started once to see that they run: path in the unpacked root, and the package that tells the version. */
  readonly programs: readonly { name: string; path: string; package: string }[];
}

/** Single files out of a source package, laid out by their paths there. */
export interface SourceRecipe {
  readonly set: string;
  readonly suite: string;
  /** Name of the source package. */
  readonly source: string;
  readonly files: readonly string[];
}

/** The suites that a private apt is told about. */
export const suites = ['trixie', 'trixie-backports'] as const;

const qemu = [
  { name: 'qemu-system-x86_64', path: 'usr/bin/qemu-system-x86_64', package: 'qemu-system-x86' },
  { name: 'qemu-storage-daemon', path: 'usr/bin/qemu-storage-daemon', package: 'qemu-utils' },
  { name: 'qemu-io', path: 'usr/bin/qemu-io', package: 'qemu-utils' },
  { name: 'qemu-img', path: 'usr/bin/qemu-img', package: 'qemu-utils' },
];

/** `qemu-block-extra` has the libblkio module, through which qemu-io speaks vhost-user. */
const qemuPackages = ['qemu-system-x86', 'qemu-utils', 'qemu-block-extra'];

/** For a client of our back ends that shares no code with them; `mmap` is in the second package. */
const python = ['python3.13-minimal', 'libpython3.13-stdlib'];

/** The cloud flavour has virtio-fs, virtio-pci, the serial ports and ext4 built in, as the generic one, and is smaller. */
const kernel = 'linux-image-cloud-amd64';

/** What guests under test need and is not built in. */
const modules = ['virtio_blk.ko.xz'];

export const recipes: readonly Recipe[] = [
  {
    set: 'trixie',
    suite: 'trixie',
    packages: [...qemuPackages, 'virtiofsd', 'passt', 'busybox-static', 'tcc', ...python],
    alone: ['musl', 'musl-dev'],
    kernel,
    modules,
    programs: [
      ...qemu,
      { name: 'virtiofsd', path: 'usr/libexec/virtiofsd', package: 'virtiofsd' },
      { name: 'passt', path: 'usr/bin/passt', package: 'passt' },
      { name: 'busybox', path: 'usr/bin/busybox', package: 'busybox-static' },
      { name: 'tcc', path: 'usr/bin/tcc', package: 'tcc' },
      { name: 'python3', path: 'usr/bin/python3.13', package: 'python3.13-minimal' },
    ],
  },
  {
    set: 'trixie-backports',
    suite: 'trixie-backports',
    packages: qemuPackages,
    alone: [],
    kernel,
    modules,
    programs: qemu,
  },
];

/** QEMU's own check of what two of its binaries send, and the two descriptions that it is tried on. */
export const sourceRecipe: SourceRecipe = {
  set: 'trixie-source',
  suite: 'trixie',
  source: 'qemu',
  files: [
    'scripts/vmstate-static-checker.py',
    'tests/vmstate-static-checker-data/dump1.json',
    'tests/vmstate-static-checker-data/dump2.json',
  ],
};

/** To be raised when the same packages are to be laid out otherwise. */
const layout = 2;

/** Changes when the recipe does, so that a set made by an older one is made again. */
export function recipeHash(recipe: Recipe | SourceRecipe): string {
  return createHash('sha256').update(JSON.stringify({ layout, recipe })).digest('hex');
}
