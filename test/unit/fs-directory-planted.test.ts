/** The tests that keep a guest within a shared directory see the faults that would let it out. */
import { test } from 'node:test';
import { assertTurnsRed } from '../support/planted.ts';

const DIRECTORY = 'src/devices/fs/directory';

const faults: readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  tests: string,
  red: RegExp,
][] = [
  [
    'openat2 that is not told to stay beneath',
    'src/sys/files.ts',
    'how.words[4] = RESOLVE_BENEATH | ',
    'how.words[4] = ',
    'containment',
    /opens? nothing outside a directory/,
  ],
  [
    'openat2 that may follow links',
    'src/sys/files.ts',
    ' | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS',
    '',
    'containment',
    /opens? nothing outside a directory/,
  ],
  [
    'names that are not looked through for slashes',
    'src/fuse/server/exchange.ts',
    'if (bytes[end++] === SLASH) return -Errno.EINVAL;',
    'end++;',
    'containment',
    /a name with a slash in it/,
  ],
  [
    'files that are looked at by the link to them',
    'src/sys/files.ts',
    'AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT',
    'AT_NO_AUTOMOUNT',
    'containment',
    /to a file that the guest knows is not that file/,
  ],
  [
    'devices and pipes that are opened',
    `${DIRECTORY}/operations/open.ts`,
    'if (inode.type !== FileType.regular) return notRegular(inode);',
    'if (inode.type === FileType.directory || inode.type === FileType.symlink) return notRegular(inode);',
    'containment',
    /a device node, a pipe or a socket is never opened/,
  ],
  [
    'a way up that nobody has checked',
    `${DIRECTORY}/inode-table.ts`,
    'statusAt(dir, nameAddress(inode)) === 0 && inode.isDescribed ? parent : undefined',
    'statusAt(dir, nameAddress(inode)) < 1 ? parent : undefined',
    'containment',
    /a directory that was moved out is what it was/,
  ],
  [
    'a file that is taken for another one of its name',
    `${DIRECTORY}/inode-table.ts`,
    'if (statusOf(fd) === 0 && inode.isDescribed) return fd;',
    'if (statusOf(fd) === 0) return fd;',
    'containment',
    /one that others replaced is not taken for it/,
  ],
  [
    'descriptors without a limit',
    `${DIRECTORY}/budget.ts`,
    'return this.used < this.limit;',
    'return this.used >= 0;',
    'containment',
    /a guest that opens too many files is told so/,
  ],
  [
    'a removed file that nothing holds',
    `${DIRECTORY}/operations/remove.ts`,
    '  inodes.descriptor(inode);\n',
    '',
    'containment',
    /a file whose last name the guest takes away is kept/,
  ],
  [
    'files that are made as root',
    'src/sys/credentials.ts',
    'result = syscall(numbers.setresuid, KEEP, uid, KEEP);',
    'result = 0;',
    'owners',
    /setgid is not given by making a file/,
  ],
  [
    "powers that a guest's user keeps",
    'src/sys/credentials.ts',
    'Capability.overridePermissions | Capability.makeDevices),',
    'Capability.overridePermissions | Capability.makeDevices | Capability.keepSetIds),',
    'owners',
    /setgid is not given by making a file/,
  ],
  [
    'setuid that outlasts a write',
    `${DIRECTORY}/operations/data.ts`,
    'serving.fileSystem.setup.credentials.keepSetIds((flags & WriteFlag.killPrivileges) === 0);',
    'serving.fileSystem.setup.credentials.keepSetIds(true);',
    'owners',
    /go when the guest says that who writes may not keep them/,
  ],
];

for (const [what, file, find, replace, tests, red] of faults)
  test(`seen: ${what}`, async () => {
    const files = new URL(`./fs-directory-${tests}.test.ts`, import.meta.url);
    await assertTurnsRed(files, { file, find, replace }, red);
  });
