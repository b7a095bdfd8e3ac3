import type { VirtqueueKind } from './virtqueue.ts';

const HEADS = { split: 16, packed: 32 } as const;
const ENTRIES = { split: 16, packed: 32 } as const;
const ALIGNMENT = 64;

/** Bytes that a queue of `size` entries takes in an inflight region; queues follow each other at this distance. */
export function inflightStride(kind: VirtqueueKind, size: number): number {
  return Math.ceil((HEADS[kind] + ENTRIES[kind] * size) / ALIGNMENT) * ALIGNMENT;
}
