import { address, padding, struct, u16, u32, u64 } from '../wire/index.ts';

/** `u32 request, u32 flags, u32 size of the payload` */
export const header = struct('header', { request: u32, flags: u32, size: u32 });

export const HEADER_SIZE = header.size;

/** The payload of most replies and of every acknowledgement. */
export const u64Payload = struct('u64', { value: u64 });

export const vringState = struct('vring state', { index: u32, num: u32 });

/** The order is descriptors, used, available. */
export const vringAddr = struct('vring addr', {
  index: u32,
  flags: u32,
  descriptors: address,
  used: address,
  available: address,
  log: address,
});

export const memTableHead = struct('mem table', { count: u32, reserved: padding(4) });

export const memRegion = struct('mem region', {
  guestAddress: address,
  size: address,
  userAddress: address,
  fileOffset: address,
});

export const singleRegion = struct('single mem region', {
  reserved: padding(8),
  guestAddress: address,
  size: address,
  userAddress: address,
  fileOffset: address,
});

export const logPayload = struct('log', { size: address, offset: address });

/** The bytes of configuration space follow. */
export const configHead = struct('config', { offset: u32, size: u32, flags: u32 });

export const deviceState = struct('device state', { direction: u32, phase: u32 });

/** Size and place of the region in its file; the queue size is the largest of any queue. 24 bytes, as C pads it. */
export const inflightPayload = struct('inflight', {
  size: address,
  offset: address,
  queues: u16,
  queueSize: u16,
  reserved: padding(4),
});
