/** A guest's memory as a process outside the guest has it mapped, the log of what was written to it, and when to stop copying. */
export { CONVERGENCE, Convergence, type ConvergenceRule, type Decision } from './convergence.ts';
export { DirtyLog, LOG_PAGE_SIZE, mapDirtyLog } from './dirty-log.ts';
export { GuestMemory } from './guest-memory.ts';
export { countBits, PageBitmap } from './page-bitmap.ts';
export { DowntimeRamp } from './ramp.ts';
export { mapRegion, Region, type RegionPlace, type Window } from './region.ts';
