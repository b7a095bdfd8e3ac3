/** `ferry doctor`: what this machine has for Ferry, and what to do about what is missing. */
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { type Check, diagnose } from '../launch/index.ts';
import { ExitCode } from './exit-codes.ts';

export interface DoctorOptions {
  /** One JSON object instead of the table. */
  readonly json?: boolean;
  /** The cache folder, instead of the usual one. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  readonly write?: (text: string) => void;
}

/** Adds the command to `program`. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'Report what this machine has for Ferry: kernel, limits, peers; 0 when serve and migrate can work.',
    )
    .option('--json', 'one JSON object: {"ok", "checks": [{"name", "ok", "needed", "found", "advice"?}]}')
    .option('--cache <folder>', 'where fetched peers are')
    .action(async (options: { json?: boolean; cache?: string }) => {
      process.exitCode = await runDoctor(options);
    });
}

/** Reports on stdout. Returns 0 when everything that `ferry serve` and `ferry migrate` need is there, else 1. */
export async function runDoctor(options: DoctorOptions = {}): Promise<number> {
  const checks = await diagnose({
    ...(options.cache !== undefined && { cache: options.cache }),
    ...(options.signal && { signal: options.signal }),
  });
  const ok = checks.every((check) => check.ok || !check.needed);
  const write = options.write ?? ((text) => process.stdout.write(text));
  write(
    options.json
      ? `${JSON.stringify({ ok, checks: checks.map(withoutNeedlessAdvice) })}\n`
      : report(checks, ok),
  );
  return ok ? ExitCode.ok : ExitCode.failed;
}

function withoutNeedlessAdvice({ advice, ...check }: Check): Check {
  return check.ok || advice === undefined ? check : { ...check, advice };
}

function report(checks: readonly Check[], ok: boolean): string {
  const width = Math.max(...checks.map((check) => check.name.length)) + 2;
  const lines = checks.flatMap((check) => {
    const [mark, colour] = check.ok
      ? ['ok', 'green']
      : check.needed
        ? ['missing', 'red']
        : ['without', 'yellow'];
    const line = `${styleText(colour as 'green', mark.padEnd(9))}${check.name.padEnd(width)}${check.found}`;
    return check.ok || check.advice === undefined
      ? [line]
      : [line, `${' '.repeat(9 + width)}${check.advice}`];
  });
  const verdict = ok
    ? 'ferry serve and ferry migrate can work here'
    : 'Something that Ferry needs is missing';
  return `${lines.join('\n')}\n${verdict}\n`;
}
