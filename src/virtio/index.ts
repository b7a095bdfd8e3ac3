/** Virtqueues: descriptor chains, the device's side and the driver's side. */
export { ChainReader, ChainWriter, DescriptorChain } from './chain.ts';
export { VirtqueueError } from './errors.ts';
export { Segments } from './segments.ts';
