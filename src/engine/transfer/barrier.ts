import { DeadlineError } from '../../errors.ts';
import type { Channels } from '../channels/index.ts';
import { TransferError } from './errors.ts';
import { NEVER, whileAdvancing } from './wait.ts';

/**
 * Wait until every channel has passed `barrier`: written it at the source, read it at the destination. Rejects with
 * `ERR_BARRIER`, naming those that have not, when nothing has moved for `ms`, by the count that `advanced` gives.
 */
export async function everyChannelAt(
  channels: Channels,
  {
    barrier,
    count,
    did,
  }: { readonly barrier: number; readonly count: number; readonly did: 'written' | 'read' },
  advanced: () => number,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  const patience = { signal, deadline: NEVER };
  const passed =
    did === 'written'
      ? channels.barrierWritten(barrier, patience)
      : channels.barrierReached(barrier, patience);
  try {
    await whileAdvancing(passed, advanced, { what: `Barrier ${barrier}`, ms, signal });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    const behind = Array.from({ length: count }, (_, id) => id).filter(
      (id) => channels.barrierOf(id) < barrier,
    );
    const names = behind.map((id) => `${id} (at ${channels.barrierOf(id)})`).join(', ');
    const message = `Barrier ${barrier} was not ${did} on channels ${names}, and nothing has moved for ${ms} ms`;
    throw new TransferError('ERR_BARRIER', message, { cause: error });
  }
}
