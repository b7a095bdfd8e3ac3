/*
 * What this machine gives to the pattern of a transfer without any of its logic: two processes, CHANNELS connections on loopback,
 * a thread each, MIB mebibytes of touched memory, written and read in packets of a header and 512 KiB.
 *
 *     loopback tcp|unix pages|piece CHANNELS MIB     packets of 128 pieces of 4 KiB, or of one piece; prints GB/s
 *     loopback copy - - MIB                          memory copied within one process; prints GB/s
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEADER 1344
#define PACKET (512 * 1024)
#define PAGE 4096
#define MAX_CHANNELS 64

static char *memory;
static size_t length;
static int channels, pieces, sending;
static int sockets[MAX_CHANNELS];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static char *touched(size_t size) {
  char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap");
  for (size_t i = 0; i < size; i += 8) *(size_t *)(at + i) = i * 2654435761u;
  return at;
}

/* All of `vectors`, whatever one call manages. */
static void transfer(int fd, struct iovec *vectors, int count) {
  struct msghdr message = {0};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  while (message.msg_iovlen > 0) {
    ssize_t n = sending ? sendmsg(fd, &message, MSG_NOSIGNAL) : recvmsg(fd, &message, MSG_WAITALL);
    if (n <= 0) fail(sending ? "sendmsg" : "recvmsg");
    while (message.msg_iovlen > 0 && (size_t)n >= message.msg_iov->iov_len) {
      n -= message.msg_iov->iov_len;
      message.msg_iov++;
      message.msg_iovlen--;
    }
    if (message.msg_iovlen > 0) {
      message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + n;
      message.msg_iov->iov_len -= n;
    }
  }
}

static void *channel(void *argument) {
  long id = (long)argument;
  char header[HEADER] = {0};
  struct iovec vectors[1 + PACKET / PAGE];
  for (size_t at = id * PACKET; at < length; at += (size_t)channels * PACKET) {
    int count = 0;
    if (sending) {
      vectors[count].iov_base = header;
      vectors[count++].iov_len = HEADER;
    } else {
      /* A receiver has to see the header before it knows where the rest goes */
      vectors[0].iov_base = header;
      vectors[0].iov_len = HEADER;
      transfer(sockets[id], vectors, 1);
    }
    for (size_t done = 0; done < PACKET; done += PACKET / pieces) {
      vectors[count].iov_base = memory + at + done;
      vectors[count++].iov_len = PACKET / pieces;
    }
    transfer(sockets[id], vectors, count);
  }
  return 0;
}

static void pair(int unix_domain, int fds[2]) {
  struct sockaddr_in address = {0};
  socklen_t size = sizeof address;
  int one = 1, listener;
  if (unix_domain) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair");
    return;
  }
  listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fds[0], (struct sockaddr *)&address, size)) fail("connect");
  fds[1] = accept(listener, 0, 0);
  if (fds[1] < 0) fail("accept");
  for (int i = 0; i < 2; i++) setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  close(listener);
}

static void all_channels(void) {
  pthread_t threads[MAX_CHANNELS];
  for (long i = 0; i < channels; i++)
    if (pthread_create(&threads[i], 0, channel, (void *)i)) fail("pthread_create");
  for (int i = 0; i < channels; i++) pthread_join(threads[i], 0);
}

int main(int argc, char **argv) {
  int fds[MAX_CHANNELS][2], ready[2];
  char byte = 0;
  double start;
  if (argc != 5) return 2;
  channels = atoi(argv[3]);
  pieces = strcmp(argv[2], "pages") == 0 ? PACKET / PAGE : 1;
  length = (size_t)atoi(argv[4]) << 20;
  if (channels > MAX_CHANNELS || length == 0) return 2;
  if (strcmp(argv[1], "copy") == 0) {
    char *from = touched(length), *to = touched(length);
    start = now();
    for (size_t at = 0; at < length; at += PACKET) memcpy(to + at, from + at, PACKET);
    printf("%.3f\n", length / 1e9 / (now() - start));
    return 0;
  }
  for (int i = 0; i < channels; i++) pair(strcmp(argv[1], "unix") == 0, fds[i]);
  if (pipe(ready)) fail("pipe");
  sending = fork() != 0;
  for (int i = 0; i < channels; i++) {
    sockets[i] = fds[i][sending ? 0 : 1];
    close(fds[i][sending ? 1 : 0]);
  }
  memory = touched(length);
  if (!sending) {
    write(ready[1], &byte, 1);
    all_channels();
    write(ready[1], &byte, 1);
    return 0;
  }
  read(ready[0], &byte, 1);
  start = now();
  all_channels();
  read(ready[0], &byte, 1);
  printf("%.3f\n", length / 1e9 / (now() - start));
  wait(0);
  return 0;
}
