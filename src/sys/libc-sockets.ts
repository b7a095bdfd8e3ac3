import { declare } from './libc.ts';

/**
 * Prototypes for sockets, vectors and epoll. Structures are addresses in mapped memory. Counts are declared as `int`, which
 * every count that Linux returns fits in.
 */
export const connect = declare<[number, number, number]>('int connect(int fd, uintptr_t addr, uint32_t len)');
export const bind = declare<[number, number, number]>('int bind(int fd, uintptr_t addr, uint32_t len)');
export const accept4 = declare<[number, number, number, number]>(
  'int accept4(int fd, uintptr_t addr, uintptr_t len, int flags)',
);
export const getsockname = declare<[number, number, number]>(
  'int getsockname(int fd, uintptr_t addr, uintptr_t len)',
);
export const getpeername = declare<[number, number, number]>(
  'int getpeername(int fd, uintptr_t addr, uintptr_t len)',
);
export const getsockopt = declare<[number, number, number, number, number]>(
  'int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t len)',
);
export const setsockopt = declare<[number, number, number, number, number]>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t len)',
);
export const shutdown = declare<[number, number]>('int shutdown(int fd, int how)');
export const recv = declare<[number, number, number, number]>(
  'int recv(int fd, uintptr_t buf, size_t len, int flags)',
);
export const send = declare<[number, number, number, number]>(
  'int send(int fd, uintptr_t buf, size_t len, int flags)',
);
export const recvmsg = declare<[number, number, number]>('int recvmsg(int fd, uintptr_t msg, int flags)');
export const sendmsg = declare<[number, number, number]>('int sendmsg(int fd, uintptr_t msg, int flags)');
export const readv = declare<[number, number, number]>('int readv(int fd, uintptr_t vectors, int count)');
export const writev = declare<[number, number, number]>('int writev(int fd, uintptr_t vectors, int count)');
export const epollCreate1 = declare<[number]>('int epoll_create1(int flags)');
export const epollCtl = declare<[number, number, number, number]>(
  'int epoll_ctl(int epfd, int op, int fd, uintptr_t event)',
);
export const epollWait = declare<[number, number, number, number]>(
  'int epoll_wait(int epfd, uintptr_t events, int max, int timeout)',
);
