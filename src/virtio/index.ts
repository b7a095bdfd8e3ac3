/** Virtqueues: descriptor chains, the device's side and the driver's side. */
export { ChainReader, ChainWriter, DescriptorChain } from './chain.ts';
export { type Buffer, DriverQueue, type RingAddresses } from './driver-queue.ts';
export { VirtqueueError } from './errors.ts';
export { MAX_QUEUE_SIZE } from './limits.ts';
export { type MappedRange, Segments } from './segments.ts';
export {
  type RingMemory,
  ringLengths,
  SplitQueue,
  type SplitQueueOptions,
} from './split-queue.ts';
