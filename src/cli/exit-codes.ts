import type { Answer } from '../compat/index.ts';
import type { Outcome } from '../migrate/index.ts';

/** What `ferry` says to the shell. They are documented in the help texts and never change their meaning. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  atSource: 4,
  unknown: 5,
} as const;

/** Exit code of a move. */
export const MIGRATE_EXIT: Readonly<Record<Outcome, number>> = {
  moved: ExitCode.ok,
  planned: ExitCode.ok,
  failed: ExitCode.failed,
  refused: ExitCode.refused,
  cancelled: ExitCode.atSource,
  'rolled-back': ExitCode.atSource,
  unknown: ExitCode.unknown,
};

/** Exit code of `ferry compat`; what could not be read or asked has that of wrong usage. */
export const COMPAT_EXIT: Readonly<Record<Answer, number>> = { yes: 0, no: 1, unproven: 3 };
