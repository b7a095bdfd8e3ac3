/**
 * What both sides of a packed virtqueue (virtio 1.2, section 2.8) have to agree on. A descriptor is
 * `u64 address, u32 length, u16 id, u16 flags`, an event suppression area `u16 off_wrap, u16 flags`. Words are accessed
 * as signed 32-bit integers: the engine keeps those in registers.
 */

/** 32-bit words of a descriptor, and the one with id and flags, which is written last. */
export const WORDS = 4;
export const LAST_WORD = 3;

export const F_NEXT = 1;
export const F_WRITE = 2;
export const F_INDIRECT = 4;
const F_AVAILABLE = 1 << 7;
const F_USED = 1 << 15;
export const F_STATE = F_AVAILABLE | F_USED;

/** Notifications are wanted always, never, or at one descriptor (with EVENT_IDX alone). */
export const EVENT_ENABLE = 0;
export const EVENT_DISABLE = 1;
export const EVENT_DESCRIPTOR = 2;

/** `flags & F_STATE` of a descriptor that is available in the lap with wrap counter `wrap`. */
export function availableState(wrap: number): number {
  return wrap === 1 ? F_AVAILABLE : F_USED;
}

/** `flags & F_STATE` of a descriptor that was used in the lap with wrap counter `wrap`. */
export function usedState(wrap: number): number {
  return wrap === 1 ? F_STATE : 0;
}

/** A descriptor index with the wrap counter of its lap in bit 15, as event areas and ring bases hold it. */
export function position(index: number, wrap: number): number {
  return index | (wrap << 15);
}

/** Descriptors from one position to a later one in a ring of `size`; beyond 0 to `size` where it cannot be later. */
export function distance(from: number, to: number, size: number): number {
  return (to & 0x7fff) - (from & 0x7fff) + ((from ^ to) & 0x8000 ? size : 0);
}

/**
 * Whether the other side, whose event area holds `area`, wants to hear of the `count` descriptors that end before index
 * `at` in the lap with wrap counter `wrap`.
 */
export function wantsEvent(area: number, at: number, wrap: number, count: number, size: number): boolean {
  const event = (area & 0x7fff) - (((area >>> 15) & 1) === wrap ? 0 : size);
  return event < at && event >= at - count;
}
