import koffi from 'koffi';

/**
 * The C prototypes that Ferry calls, in the order and with the names of the manual pages. Addresses are `uintptr_t`
 * and travel as plain numbers (user addresses fit in 2^53); `void *` takes a typed array, whose memory is lent for
 * the call. No policy lives here.
 */
const libc = koffi.load('libc.so.6');

type Fn<A extends unknown[]> = (...args: A) => number;

/** The function of the C library that has this prototype. */
export function declare<A extends unknown[]>(prototype: string): Fn<A> {
  return libc.func(prototype) as unknown as Fn<A>;
}

export const accept4 = declare<[number, number, number, number]>(
  'int accept4(int fd, uintptr_t addr, uintptr_t len, int flags)',
);
export const bind = declare<[number, Uint8Array, number]>('int bind(int fd, void *addr, uint32_t len)');
export const close = declare<[number]>('int close(int fd)');
export const connect = declare<[number, Uint8Array, number]>('int connect(int fd, void *addr, uint32_t len)');
export const eventfd = declare<[number, number]>('int eventfd(uint32_t initval, int flags)');
export const fallocate = declare<[number, number, number, number]>(
  'int fallocate(int fd, int mode, int64_t offset, int64_t len)',
);
export const fcntl = declare<[number, number, number]>('int fcntl(int fd, int cmd, int arg)');
export const ftruncate = declare<[number, number]>('int ftruncate(int fd, int64_t length)');
export const getsockopt = declare<[number, number, number, Uint8Array, Uint8Array]>(
  'int getsockopt(int fd, int level, int name, void *value, void *len)',
);
export const lgetxattr = declare<[Uint8Array, Uint8Array, Uint8Array, number]>(
  'int64_t lgetxattr(void *path, void *name, void *value, size_t size)',
);
export const llistxattr = declare<[Uint8Array, Uint8Array, number]>(
  'int64_t llistxattr(void *path, void *list, size_t size)',
);
export const listen = declare<[number, number]>('int listen(int fd, int backlog)');
export const lseek = declare<[number, number, number]>('int64_t lseek(int fd, int64_t offset, int whence)');
export const memfdCreate = declare<[string, number]>('int memfd_create(const char *name, uint32_t flags)');
const mmapRaw = declare<[number, number, number, number, number, number]>(
  'int64_t mmap(uintptr_t addr, size_t length, int prot, int flags, int fd, int64_t offset)',
);
export const munmap = declare<[number, number]>('int munmap(uintptr_t addr, size_t length)');
export const pipe2 = declare<[Int32Array, number]>('int pipe2(void *fds, int flags)');
export const poll = declare<[number, number, number]>('int poll(uintptr_t fds, uint64_t n, int timeout)');
export const pread = declare<[number, Uint8Array, number, number]>(
  'int64_t pread(int fd, void *buf, size_t count, int64_t offset)',
);
export const pwrite = declare<[number, Uint8Array, number, number]>(
  'int64_t pwrite(int fd, void *buf, size_t count, int64_t offset)',
);
export const read = declare<[number, Uint8Array, number]>('int64_t read(int fd, void *buf, size_t count)');
export const recvmsg = declare<[number, number, number]>('int64_t recvmsg(int fd, uintptr_t msg, int flags)');
export const schedSetaffinity = declare<[number, number, Uint8Array]>(
  'int sched_setaffinity(int pid, size_t size, void *mask)',
);
export const sendmsg = declare<[number, number, number]>('int64_t sendmsg(int fd, uintptr_t msg, int flags)');
export const socket = declare<[number, number, number]>('int socket(int domain, int type, int protocol)');
export const socketpair = declare<[number, number, number, Int32Array]>(
  'int socketpair(int domain, int type, int protocol, void *sv)',
);
export const write = declare<[number, Uint8Array, number]>('int64_t write(int fd, void *buf, size_t count)');
export const writeAddress = declare<[number, number, number]>(
  'int64_t write(int fd, uintptr_t buf, size_t count)',
);

/** mmap(2); -1 on failure. 64-bit results may come back as a bigint, so this one is narrowed here. */
export function mmap(length: number, prot: number, flags: number, fd: number, offset: number): number {
  return Number(mmapRaw(0, length, prot, flags, fd, offset));
}

/** The error number that the last call of this thread left behind. */
export function errno(): number {
  return koffi.errno();
}

/** A view on `length` bytes of this process's memory from `address`. The caller owns what lies under it. */
export function view(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}
