/** Largest size of a virtqueue (virtio 1.2, sections 2.7 and 2.8). */
export const MAX_QUEUE_SIZE = 32768;

/** Descriptors that an indirect table may have in a queue that is smaller than that: what other devices take, too. */
export const MIN_INDIRECT = 1024;

/** Pieces that a descriptor chain may be in: more than it has descriptors where buffers cross regions of memory. */
export const MAX_SEGMENTS = 32768;
