/** What one check says. `refuse` stops the move before anything is touched. */
export interface Finding {
  /** Stable name of the check. */
  readonly id: string;
  readonly verdict: 'ok' | 'warn' | 'refuse';
  readonly found: string;
  readonly expected: string;
  /** What to do about it; absent when all is well. */
  readonly remedy?: string;
}

export function ok(id: string, found: string, expected: string): Finding {
  return { id, verdict: 'ok', found, expected };
}

export function warn(id: string, found: string, expected: string, remedy: string): Finding {
  return { id, verdict: 'warn', found, expected, remedy };
}

export function refuse(id: string, found: string, expected: string, remedy: string): Finding {
  return { id, verdict: 'refuse', found, expected, remedy };
}
