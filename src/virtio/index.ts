/** Virtqueues: descriptor chains, the device's side and the driver's side. */
export { ChainReader, ChainWriter, DescriptorChain } from './chain.ts';
export type { Buffer, DriverQueue, DriverQueueOptions, RingAddresses } from './driver-queue.ts';
export { VirtqueueError } from './errors.ts';
export { inflightStride } from './inflight.ts';
export { MAX_QUEUE_SIZE } from './limits.ts';
export { PackedDriverQueue } from './packed-driver-queue.ts';
export { PackedQueue } from './packed-queue.ts';
export { type MappedRange, Segments } from './segments.ts';
export { SplitDriverQueue } from './split-driver-queue.ts';
export { SplitQueue } from './split-queue.ts';
export {
  initialBase,
  type ParkedRequest,
  type RingMemory,
  ringLengths,
  type Virtqueue,
  type VirtqueueKind,
  type VirtqueueOptions,
} from './virtqueue.ts';
