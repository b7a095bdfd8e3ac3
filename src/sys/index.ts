/** The only door to the kernel: descriptors, mappings, eventfds, unix sockets that carry descriptors, poll. */
export { pinThread } from './affinity.ts';
export type { Compressor, Decompressor } from './compressed.ts';
export { ownFileMask, raiseDescriptorLimit, ThreadCredentials } from './credentials.ts';
export {
  blockDeviceSize,
  discardBlocks,
  dropCached,
  logicalBlockSize,
  physicalBlockSize,
  readToAddress,
  readVectorsNow,
  writeFromAddressAt,
  zeroBlocks,
} from './disk.ts';
export { Epoll } from './epoll.ts';
export { Errno, errnoName } from './errno.ts';
export { createEventfd, drainEventfd, signalEventfd } from './eventfd.ts';
export { closeAll, Fd, Seal } from './fd.ts';
export { fileScratch, MAX_VECTORS } from './file-scratch.ts';
export { fileStatus } from './file-status.ts';
export {
  allocateFile,
  appendVectors,
  changeMode,
  changeOwner,
  changeTimes,
  closeFile,
  copyRange,
  fileSystemStatus,
  listAttributes,
  makeDirectory,
  makeLink,
  makeNode,
  makeSymlink,
  moveName,
  OpenMode,
  openBeneath,
  openFileHandle,
  openPath,
  readAttribute,
  readEntries,
  readLink,
  readVectors,
  removeAttribute,
  removeName,
  reopen,
  seekFile,
  statusAt,
  statusOf,
  syncFile,
  syncFileSystem,
  takeFileHandle,
  truncateFile,
  writeAttribute,
  writeVectors,
} from './files.ts';
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
  viewMemory,
} from './mapping.ts';
export { clearMemory, copyMemory, isZeroMemory, ZERO_SPAN } from './memory.ts';
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
export {
  acceptTcp,
  connectTcp,
  discardReceived,
  listenTcp,
  localAddress,
  receiveNow,
  remoteAddress,
  sendNow,
  setSocketTimeouts,
  shutdownSocket,
  socketError,
} from './stream-socket.ts';
export { TLS_RECORD_BYTES, TlsContext, type TlsFiles, TlsSession } from './tls.ts';
export { Vectors } from './vectors.ts';
export { readXattrs } from './xattr.ts';
export { ZlibCompressor, ZlibDecompressor, zlibVersion } from './zlib.ts';
export { ZstdCompressor, ZstdDecompressor, ZstdFrames, zstdVersion } from './zstd.ts';
