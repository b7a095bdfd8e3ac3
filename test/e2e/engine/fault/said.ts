import type { Outcome } from '../../../../src/engine/transfer/index.ts';

/** What the process of an end says, a line of JSON each. */
export type Said =
  /** What a command came to. */
  | { readonly re: number; readonly value?: unknown; readonly error?: string }
  /** The guest begins to run, or stands still, at a time in microseconds that is the same in all processes. */
  | { readonly event: 'runs'; readonly at: number }
  | { readonly event: 'stands'; readonly at: number }
  | Told;

/** What a transfer tells while it goes on. */
export interface Told {
  readonly event: 'transfer';
  readonly type: string;
  readonly detail?: unknown;
}

export type OutcomeSaid = Omit<Outcome, 'error'>;

/** What a guest found when it looked at everything that it has. */
export interface Look {
  /** Pages and blocks that are not what they were written as. */
  readonly wrong: number;
  /** Whether the pages add up to what the guest knows: that none is whole but old. */
  readonly addsUp: boolean;
  /** Pages written and requests made since the machine was made here. */
  readonly written: number;
  readonly asked: number;
}
