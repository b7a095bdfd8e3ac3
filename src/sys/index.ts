/** The only door to the kernel: descriptors, mappings, eventfds, unix sockets that carry descriptors, poll. */
export { pinThread } from './affinity.ts';
export { Errno, errnoName } from './errno.ts';
export { createEventfd, drainEventfd, signalEventfd } from './eventfd.ts';
export { closeAll, Fd, Seal } from './fd.ts';
export {
  createPipe,
  readAt,
  readInto,
  seekData,
  seekHole,
  WOULD_BLOCK,
  widenPipe,
  writeAt,
  writeFrom,
  writeFromAddress,
} from './io.ts';
export { liveResources } from './leaks.ts';
export {
  createMemfd,
  Mapping,
  mapAnonymous,
  mapShared,
  PAGE_SIZE,
  pageRound,
  punchHole,
  reserve,
} from './mapping.ts';
export { Poll, PollSet } from './poll.ts';
export { BOUNCE_LENGTH } from './scratch.ts';
export {
  acceptUnix,
  type Credentials,
  connectUnix,
  createSocketPair,
  listenUnix,
  MAX_FDS,
  peerCredentials,
  receiveMessage,
  sendMessage,
  unixSocketKind,
} from './socket.ts';
export { removeStaleSocket } from './socket-path.ts';
export { readXattrs } from './xattr.ts';
