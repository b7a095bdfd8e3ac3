/** A guest's memory as a process outside the guest has it mapped, and the log of what was written to it. */
export { DirtyLog, LOG_PAGE_SIZE, mapDirtyLog } from './dirty-log.ts';
export { GuestMemory } from './guest-memory.ts';
export { PageBitmap } from './page-bitmap.ts';
export { mapRegion, Region, type RegionPlace, type Window } from './region.ts';
