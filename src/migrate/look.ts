import { type MigrationInfo, QmpCommandError, QmpUnansweredError, type StatusInfo } from '../qmp/index.ts';
import type { Side } from './side.ts';

/** States in which QEMU still works on a migration. */
const ENDED: readonly (string | undefined)[] = [undefined, 'none', 'completed', 'failed', 'cancelled'];

/** Whether the migration that `info` is about still goes on. */
export function isGoingOn(info: MigrationInfo): boolean {
  return !ENDED.includes(info.status);
}

/** What a QEMU answers about its migration, or why there is no answer. */
export type Look<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'silent'; readonly text: string }
  | { readonly kind: 'lost'; readonly text: string };

/** Wait for an answer of `side` without letting its absence be an error. Refusals and unreadable answers are. */
export async function look<T>(side: Side, answer: Promise<T>): Promise<Look<T>> {
  try {
    return { kind: 'answer', value: await answer };
  } catch (error) {
    if (!(error instanceof QmpUnansweredError)) throw error;
    const kind = error.why === 'closed' ? 'lost' : 'silent';
    return {
      kind,
      text:
        kind === 'lost'
          ? `The monitor of ${side.name} has gone`
          : `The monitor of ${side.name} does not answer ${error.command}`,
    };
  }
}

/** Ask `side` about its migration for `deadlineMs` at most. */
export function lookAtMigration(
  side: Side,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Look<MigrationInfo>> {
  return look(side, side.client.execute('query-migrate', {}, { deadlineMs, signal }));
}

/** Ask `side` about its guest for `deadlineMs` at most. */
export function lookAtGuest(side: Side, deadlineMs: number, signal: AbortSignal): Promise<Look<StatusInfo>> {
  return look(side, side.client.execute('query-status', {}, { deadlineMs, signal }));
}

/**
 * Why a migration failed, from both sides: the destination knows more, but only if it was kept from exiting.
 */
export async function whyFailed(
  info: MigrationInfo,
  destination: Side,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<string> {
  const here = info['error-desc'];
  const there = await lookAtMigration(destination, deadlineMs, signal);
  const reasons = [
    there.kind === 'answer' ? there.value['error-desc'] : undefined,
    here,
    there.kind === 'answer' ? undefined : there.text,
  ].filter((reason) => reason !== undefined);
  return reasons.length === 0 ? 'QEMU gives no reason' : reasons.join('; ');
}

/** QEMU's words when it refused, else undefined. */
export function refusal(error: unknown): string | undefined {
  return error instanceof QmpCommandError ? error.message : undefined;
}
