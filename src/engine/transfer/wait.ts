import { asError, DeadlineError } from '../../errors.ts';

/** As milliseconds: other deadlines hold for what is waited for. */
export const NEVER = 2 ** 31 - 1;

/** How long to wait for what, and what ends the wait early. */
export interface Wait {
  /** `What` did not happen within …: a noun with a capital, such as `The answer of the destination`. */
  readonly what: string;
  readonly ms: number;
  readonly signal?: AbortSignal;
}

/**
 * Wait for `promise`, but no longer than `ms`, and not beyond `signal`. Rejects with a `DeadlineError` or the signal's
 * reason; what comes of the promise afterwards is of no interest to anybody.
 */
export async function within<T>(promise: Promise<T>, { what, ms, signal }: Wait): Promise<T> {
  const early = Promise.withResolvers<never>();
  const onAbort = () => early.reject(asError(signal?.reason));
  const timer = ms < NEVER ? setTimeout(() => early.reject(new DeadlineError(what, ms)), ms) : undefined;
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, early.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * Wait for `promise` as long as `advanced` goes on giving other numbers. Rejects with a `DeadlineError` once it has not
 * changed for `ms`, at most twice as late, or with the signal's reason.
 */
export async function whileAdvancing<T>(
  promise: Promise<T>,
  advanced: () => number,
  { what, ms, signal }: Wait,
): Promise<T> {
  const stalled = Promise.withResolvers<never>();
  let last = advanced();
  const timer = setInterval(() => {
    const now = advanced();
    if (now === last) stalled.reject(new DeadlineError(`${what}: progress`, ms));
    last = now;
  }, ms);
  const onAbort = () => stalled.reject(asError(signal?.reason));
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, stalled.promise]);
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
