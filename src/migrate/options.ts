import type { MigrateEvent } from './events.ts';
import type { BackEndInquiry } from './inquiry.ts';

/** How long a move waits for what, in milliseconds. */
export interface MigrateTimings {
  /** Between two looks at the source when no event comes. */
  readonly pollMs: number;
  /** Between two looks at the destination during pre-copy. */
  readonly destinationPollMs: number;
  /** Silence of a monitor after which it counts as stuck: back ends are told to abort, or the move is rolled back. */
  readonly silenceMs: number;
  /** Silence after which its answer is no longer waited for. */
  readonly giveUpMs: number;
  /** For the whole switchover, while the source answers: the guest stands still. */
  readonly switchoverMs: number;
  /** For a lost monitor to come back. */
  readonly reconnectMs: number;
  /** For the destination to take the last question before the switchover. */
  readonly goMs: number;
  /** For a cancelled migration to stop. */
  readonly cancelMs: number;
  /** For the guest to be seen in the state it should be in. */
  readonly confirmMs: number;
  /** For a process that was told to quit. */
  readonly quitMs: number;
}

export const TIMINGS: MigrateTimings = {
  pollMs: 200,
  destinationPollMs: 1_000,
  silenceMs: 10_000,
  giveUpMs: 60_000,
  switchoverMs: 120_000,
  reconnectMs: 5_000,
  goMs: 2_000,
  cancelMs: 30_000,
  confirmMs: 10_000,
  quitMs: 5_000,
};

export interface MigrateOptions {
  /** Monitor of the QEMU that runs the guest: `unix:PATH`, `/PATH` or `tcp:HOST:PORT` on this host. */
  readonly source: string;
  /** Monitor of the QEMU that waits for it. */
  readonly destination: string;
  /** Where the destination takes the stream: `tcp:HOST:PORT` or `unix:PATH`. Chosen when absent and both are local. */
  readonly uri?: string;
  /** Longest pause of the guest to aim for. Absent: the source's own limit, raised to 900 ms at most when it stalls. */
  readonly downtimeMs?: number;
  /** Bytes per second for pre-copy. Absent: as the source is set. */
  readonly bandwidth?: number;
  /** Seconds for pre-copy, after which the move is cancelled. Absent: no limit as long as there is progress. */
  readonly timeoutS?: number;
  /** Check and plan only. */
  readonly dryRun?: boolean;
  /** Cancels the move, as far as its phase allows. */
  readonly signal?: AbortSignal;
  /** Ends every wait at once, whatever state that leaves. */
  readonly force?: AbortSignal;
  readonly onEvent?: (event: MigrateEvent) => void;
  /** How Ferry's back ends are spoken with; over their control sockets when absent. */
  readonly backEnds?: BackEndInquiry;
  readonly timings?: Partial<MigrateTimings>;
}
