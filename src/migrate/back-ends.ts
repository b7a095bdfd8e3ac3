import { asError, FerryError } from '../errors.ts';
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

/**
 * What speaks against starting the guest on these back ends: one that has gone, does not answer, or has lost its front end.
 * Undefined where all of them wait for it.
 */
export async function unfit(move: Move, sockets: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(
    sockets.map(async (socketPath) => {
      try {
        const status = await move.backEnds.status(socketPath, AbortSignal.timeout(move.timings.goMs));
        if (status === undefined) return `The back end at ${socketPath} has gone`;
        return status.owner ? undefined : `The back end at ${socketPath} has lost its front end`;
      } catch (error) {
        return `The back end at ${socketPath} does not answer: ${asError(error).message}`;
      }
    }),
  );
  return found.find((text) => text !== undefined);
}

/** What the back ends have to say about transfers of theirs that failed. */
export async function transferFailures(move: Move, plan: Plan): Promise<string[]> {
  const failures: string[] = [];
  const ask = (direction: 'save' | 'load') => async (socketPath: string, signal: AbortSignal) => {
    const last = (await move.backEnds.status(socketPath, signal))?.lastTransfer;
    if (last?.direction === direction && last.outcome === 'failed')
      failures.push(`The back end at ${socketPath} on its last ${direction}: ${last.reason ?? 'it failed'}`);
  };
  await Promise.all([
    each(move, plan.sourceBackEnds, 'say how its transfer went', ask('save')),
    each(move, plan.destinationBackEnds, 'say how its transfer went', ask('load')),
  ]);
  return failures;
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

/** How long back ends keep their migration parameters as they are, in seconds, unless they are told otherwise before. */
const FREEZE = 3600;

/**
 * Have the migration parameters stay as they were when the move was found to be possible. Returns what speaks against it:
 * they are others by now. Undefined where they are not, also where a back end cannot be told.
 */
export async function freeze(move: Move, { checked }: Plan): Promise<string | undefined> {
  const digests = new Map(checked.map(({ socketPath, digest }) => [socketPath, digest]));
  const changed: string[] = [];
  await each(move, [...digests.keys()], 'keep its migration parameters', async (socketPath, signal) => {
    try {
      await move.backEnds.freeze(socketPath, digests.get(socketPath)!, FREEZE, signal);
    } catch (error) {
      if (!(error instanceof FerryError) || error.code !== 'ERR_PARAMETERS_DIFFER') throw error;
      changed.push(`The back end at ${socketPath}: ${error.message}`);
    }
  });
  return changed.length === 0 ? undefined : changed.join('; ');
}

/** The move is over: migration parameters may be set again. */
export function thaw(move: Move, { checked }: Plan): Promise<void> {
  const sockets = checked.map(({ socketPath }) => socketPath);
  return each(move, sockets, 'let its migration parameters be set', (socketPath, signal) =>
    move.backEnds.thaw(socketPath, signal),
  );
}
