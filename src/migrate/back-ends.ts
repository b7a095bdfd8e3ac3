import { asError } from '../errors.ts';
import type { Move } from './move.ts';
import type { Plan } from './plan.ts';

/** Do something with each back end; what one does not do is noted, and the move goes on by QEMU's rules alone. */
async function each(
  move: Move,
  sockets: readonly string[],
  what: string,
  act: (socketPath: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await Promise.all(
    sockets.map(async (socketPath) => {
      try {
        await act(socketPath, AbortSignal.timeout(move.timings.goMs));
      } catch (error) {
        move.note(`The back end at ${socketPath} could not be told to ${what}: ${asError(error).message}`);
      }
    }),
  );
}

/** Tell the back ends of both sides to let go of a transfer, so that the QEMU that waits for them goes on. */
export function abortTransfers(move: Move, plan: Plan, reason: string): Promise<void> {
  const sockets = [...plan.sourceBackEnds, ...plan.destinationBackEnds];
  return each(move, sockets, 'give up its transfer', async (socketPath, signal) => {
    if (await move.backEnds.abortTransfer(socketPath, reason, signal))
      move.note(`The back end at ${socketPath} was told to give up its transfer: ${reason}`);
  });
}

/** The guest runs elsewhere: whoever starts the source again by mistake finds devices that do not serve it. */
export function fence(move: Move, sockets: readonly string[]): Promise<void> {
  const epoch = Date.now();
  return each(move, sockets, 'stay stopped', (socketPath, signal) =>
    move.backEnds.fence(socketPath, epoch, signal),
  );
}

/** The guest comes: what an earlier move forbade these back ends is over. */
export function release(move: Move, sockets: readonly string[]): Promise<void> {
  return each(move, sockets, 'take a guest again', (socketPath, signal) =>
    move.backEnds.release(socketPath, signal),
  );
}
