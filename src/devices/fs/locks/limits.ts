/** Locks that are held at the same time, over all files; beyond it the answer is ENOLCK. */
export const MAX_LOCKS = 65536;

/** Requests that wait for a lock at the same time; beyond it the answer is ENOLCK. */
export const MAX_WAITERS = 4096;

/** Owners that the search for a deadlock visits before it takes it that there is none. */
export const MAX_DEADLOCK_OWNERS = 256;
