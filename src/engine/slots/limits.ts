/** Bytes of a slot: what one device-state packet carries at most. */
export const SLOT_BYTES = 1024 * 1024;

/** Slots that every device has, whatever the others do: one is loaded or filled while the next one travels. */
export const RESERVED_SLOTS = 2;

/** Devices in one transfer. */
export const MAX_DEVICES = 1024;

/** Slots in one arena. */
export const MAX_SLOTS = 16384;

/** Slots that one device may have unless it is told otherwise. */
export const DEFAULT_PER_DEVICE = 64;

/** Buffers of one device: they are numbered with 32 bits, and the last number is not used. */
export const MAX_INDEX = 0xfffffffe;

/** How long a thread waits for a slot, or for the next buffer, unless it is told otherwise, in milliseconds. */
export const DEFAULT_SLOT_WAIT = 60_000;

/** How long a thread waits for the ledger's lock, which nobody holds for longer than some microseconds. */
export const LOCK_WITHIN = 10_000;

/** How long a lane may take to be ready for tasks, in milliseconds. */
export const LANE_START_WITHIN = 30_000;

/** How long the end of a lane that is not ready yet waits before force is used, in milliseconds. */
export const LANE_LOAD_WITHIN = 60_000;

/** How long a lane may take to end by itself before it is ended by force, in milliseconds. */
export const LANE_END_WITHIN = 3_000;

/** How long a lane that is ended by force may take before it counts as one that does not return, in milliseconds. */
export const LANE_FORCE_WITHIN = 1_000;

/** Buffers that can be in a spill file, for each MiB that may be there: most are a whole MiB. */
export const SPILL_PLACES_PER_MIB = 4;

/** Buffers that can be in a spill file, whatever its size. */
export const MAX_SPILL_PLACES = 262_144;

/** How long nothing may be loaded before channels no longer wait for room and spill, in milliseconds. */
export const STUCK_AFTER = 1_000;

/** Window of zstd, as a power of two: a frame is one slot. */
export const WINDOW_LOG = 20;

/** Memory that one thread of a CPU pool takes at most: as much as a slot, and what zstd needs at its highest level. */
export const CPU_THREAD_BYTES = 32 * 1024 * 1024;
