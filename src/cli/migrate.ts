import type { Command } from 'commander';
import type { MigrateEvent, MigrateOptions, Verdict } from '../migrate/index.ts';
import { MIGRATE_EXIT } from './exit-codes.ts';
import { Interrupt } from './interrupt.ts';
import { LiveView } from './live-view.ts';
import { formatSize, formatTime, parseMilliseconds, parseRate, parseSeconds } from './quantities.ts';

interface Flags {
  readonly qmp?: string;
  readonly toQmp?: string;
  readonly uri?: string;
  readonly downtime?: number;
  readonly bandwidth?: number;
  readonly timeout?: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const HELP = `
Exit codes: 0 moved, 1 failed, 2 usage, 3 refused and nothing touched, 4 cancelled or rolled back and running at the
source, 5 outcome unknown (neither side was started; what to check is printed).

Ctrl-C cancels and shows that the guest runs at the source. A second one ends every wait and says what state that leaves.
If ferry itself is killed during the copy, the guest may come to wait in pre-switchover: send migrate_cancel to the source.

Examples:
  ferry migrate --qmp /run/vm-a.qmp --to-qmp /run/vm-b.qmp --dry-run
  ferry migrate --qmp /run/vm-a.qmp --to-qmp /run/vm-b.qmp --uri tcp:192.0.2.7:4444 --bandwidth 1G --timeout 10m`;

/** `ferry migrate`: move a running guest from one QEMU to another. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .summary('move a running guest from one QEMU to another')
    .description(
      'Move a running guest from one QEMU to another, with all devices whose back ends can migrate.',
    )
    .option('--qmp <monitor>', 'monitor of the QEMU that runs the guest: unix:PATH, /PATH or tcp:HOST:PORT')
    .option('--to-qmp <monitor>', 'monitor of the QEMU that waits for it (-S -incoming defer)')
    .option(
      '--uri <uri>',
      'where the destination takes the stream: tcp:HOST:PORT or unix:PATH; chosen when both are here',
    )
    .option(
      '--downtime <ms>',
      'longest pause of the guest to aim for, such as 300 or 0.5s',
      parseMilliseconds,
    )
    .option('--bandwidth <bytes>', 'bytes per second for the copy, such as 500M', parseRate)
    .option('--timeout <s>', 'longest copy, such as 90 or 10m; then the move is cancelled', parseSeconds)
    .option('--dry-run', 'check and show the plan, touch nothing')
    .option('--json', 'one JSON object a line on stdout; the last one has type "result"')
    .addHelpText('after', HELP)
    .action(async (flags: Flags, command: Command) => {
      // Not requiredOption: commander would complain of the missing one before it names the misspelt one.
      const { qmp, toQmp } = flags;
      if (qmp === undefined || toQmp === undefined)
        command.error(
          `error: required option '${qmp === undefined ? '--qmp' : '--to-qmp'} <monitor>' not specified`,
        );
      process.exitCode = await runMigrate(qmp, toQmp, flags);
    });
}

async function runMigrate(source: string, destination: string, flags: Flags): Promise<number> {
  const { migrate } = await import('../migrate/index.ts');
  const json = flags.json === true;
  // A reader that goes away must not end a move half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const view = new LiveView(process.stderr, flags.dryRun === true);
  const say = (line: unknown) => void process.stdout.write(`${JSON.stringify(line)}\n`);
  using interrupt = new Interrupt((name) => {
    process.stderr.write(`\n${name}: cancelling; once more to stop waiting\n`);
  });
  const verdict = await migrate({
    source,
    destination,
    ...settings(flags),
    signal: interrupt.cancel,
    force: interrupt.force,
    onEvent: (event: MigrateEvent) => (json ? say(event) : view.show(event)),
  });
  view.end();
  if (json) say({ type: 'result', ...verdict });
  else process.stdout.write(formatVerdict(verdict));
  return MIGRATE_EXIT[verdict.outcome];
}

function settings({ uri, downtime, bandwidth, timeout, dryRun }: Flags): Partial<MigrateOptions> {
  return {
    ...(uri === undefined ? {} : { uri }),
    ...(downtime === undefined ? {} : { downtimeMs: downtime }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(timeout === undefined ? {} : { timeoutS: timeout }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
}

/** The verdict for people: what, why, figures, what to do. */
export function formatVerdict(verdict: Verdict): string {
  const { outcome, why, downtimeMs, qemuDowntimeMs, totalMs, bytes, nextSteps } = verdict;
  const figures = [
    downtimeMs === undefined
      ? undefined
      : `pause ${formatTime(downtimeMs)}${qemuDowntimeMs === undefined ? '' : ` (QEMU says ${formatTime(qemuDowntimeMs)})`}`,
    `total ${formatTime(totalMs)}`,
    bytes === undefined ? undefined : `${formatSize(bytes)} sent`,
  ].filter((figure) => figure !== undefined);
  const lines = [`${outcome}: ${why}`, `  ${figures.join(', ')}`, ...nextSteps.map((step) => `  - ${step}`)];
  return `${lines.join('\n')}\n`;
}
