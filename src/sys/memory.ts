import { declare } from './libc.ts';
import { mapAnonymous } from './mapping.ts';

/**
 * Memory by its address. The ranges must be mapped for as long as a call lasts: that is the caller's to hold.
 */
const memcpy = declare<[number, number, number]>(
  'uintptr_t memcpy(uintptr_t to, uintptr_t from, size_t length)',
);
const memset = declare<[number, number, number]>('uintptr_t memset(uintptr_t at, int byte, size_t length)');
const memcmp = declare<[number, number, number]>('int memcmp(uintptr_t one, uintptr_t other, size_t length)');

/** Bytes that one call of `isZeroMemory` can look at. */
export const ZERO_SPAN = 64 * 1024;

// Never written to: all of it is the kernel's one page of zeroes, which stays in the nearest cache
const zeroes = mapAnonymous(ZERO_SPAN, 'zeroes');

/** Copy `length` bytes; the two ranges must not overlap. */
export function copyMemory(to: number, from: number, length: number): void {
  memcpy(to, from, length);
}

/** Set `length` bytes to zero. */
export function clearMemory(address: number, length: number): void {
  memset(address, 0, length);
}

/** Whether `length` bytes, `ZERO_SPAN` at most, are all zero. Stops at the first that is not. */
export function isZeroMemory(address: number, length: number): boolean {
  return memcmp(address, zeroes.address, length) === 0;
}
