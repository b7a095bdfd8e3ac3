import { declare } from './libc.ts';

/**
 * Prototypes for files and directories that are reached by descriptor. Paths, names and structures are addresses in mapped
 * memory: nothing is pinned or converted. Counts are declared as `int`, which every count that Linux returns fits in.
 */
export const copyFileRange = declare<[number, number, number, number, number, number]>(
  'int copy_file_range(int in, uintptr_t inOffset, int out, uintptr_t outOffset, size_t length, uint32_t flags)',
);
export const fallocate = declare<[number, number, number, number]>(
  'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
);
export const fchmodat = declare<[number, number, number, number]>(
  'int fchmodat(int dir, uintptr_t path, uint32_t mode, int flags)',
);
export const fchownat = declare<[number, number, number, number, number]>(
  'int fchownat(int dir, uintptr_t path, uint32_t uid, uint32_t gid, int flags)',
);
export const fdatasync = declare<[number]>('int fdatasync(int fd)');
export const fstatfs = declare<[number, number]>('int fstatfs(int fd, uintptr_t into)');
export const fsync = declare<[number]>('int fsync(int fd)');
export const ftruncate = declare<[number, number]>('int ftruncate(int fd, int64_t length)');
export const getdents64 = declare<[number, number, number]>(
  'int getdents64(int fd, uintptr_t into, size_t size)',
);
export const getxattr = declare<[number, number, number, number]>(
  'int getxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size)',
);
export const linkat = declare<[number, number, number, number, number]>(
  'int linkat(int dir, uintptr_t path, int newDir, uintptr_t newPath, int flags)',
);
export const listxattr = declare<[number, number, number]>(
  'int listxattr(uintptr_t path, uintptr_t list, size_t size)',
);
/** The offset may be given exactly, as a bigint: cookies of directories have 64 bits. */
export const lseek = declare<[number, number | bigint, number]>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
);
export const mkdirat = declare<[number, number, number]>(
  'int mkdirat(int dir, uintptr_t path, uint32_t mode)',
);
export const mknodat = declare<[number, number, number, number]>(
  'int mknodat(int dir, uintptr_t path, uint32_t mode, uint64_t dev)',
);
export const nameToHandleAt = declare<[number, number, number, number, number]>(
  'int name_to_handle_at(int dir, uintptr_t path, uintptr_t handle, uintptr_t mount, int flags)',
);
export const openat = declare<[number, number, number, number]>(
  'int openat(int dir, uintptr_t path, int flags, uint32_t mode)',
);
export const openByHandleAt = declare<[number, number, number]>(
  'int open_by_handle_at(int mount, uintptr_t handle, int flags)',
);
export const preadv = declare<[number, number, number, number]>(
  'int preadv(int fd, uintptr_t vectors, int count, int64_t offset)',
);
export const pwritev = declare<[number, number, number, number]>(
  'int pwritev(int fd, uintptr_t vectors, int count, int64_t offset)',
);
export const pwritev2 = declare<[number, number, number, number, number]>(
  'int pwritev2(int fd, uintptr_t vectors, int count, int64_t offset, int flags)',
);
export const readlinkat = declare<[number, number, number, number]>(
  'int readlinkat(int dir, uintptr_t path, uintptr_t into, size_t size)',
);
export const removexattr = declare<[number, number]>('int removexattr(uintptr_t path, uintptr_t name)');
export const renameat2 = declare<[number, number, number, number, number]>(
  'int renameat2(int dir, uintptr_t path, int newDir, uintptr_t newPath, uint32_t flags)',
);
export const setxattr = declare<[number, number, number, number, number]>(
  'int setxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size, int flags)',
);
export const statx = declare<[number, number, number, number, number]>(
  'int statx(int dir, uintptr_t path, int flags, uint32_t mask, uintptr_t into)',
);
export const symlinkat = declare<[number, number, number]>(
  'int symlinkat(uintptr_t target, int dir, uintptr_t path)',
);
export const syncfs = declare<[number]>('int syncfs(int fd)');
export const unlinkat = declare<[number, number, number]>('int unlinkat(int dir, uintptr_t path, int flags)');
export const utimensat = declare<[number, number, number, number]>(
  'int utimensat(int dir, uintptr_t path, uintptr_t times, int flags)',
);

/** openat2(2), which the C library has no function for. Its number is the same on every architecture. */
const OPENAT2 = 437;
const syscallOpenat2 = declare<[number, number, number, number, number]>(
  'int syscall(int64_t number, int dir, uintptr_t path, uintptr_t how, size_t size)',
);
export function openat2(dir: number, path: number, how: number, size: number): number {
  return syscallOpenat2(OPENAT2, dir, path, how, size);
}
