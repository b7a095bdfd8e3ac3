import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { findPrograms } from './demo/programs.ts';
import { type DemoEvent, formatEvent, Timeline } from './demo/timeline.ts';
import { ExitCode } from './exit-codes.ts';
import { Interrupt } from './interrupt.ts';

interface Flags {
  readonly embedded?: boolean;
  readonly json?: boolean;
}

/** `ferry demo`: show a running guest move, with its open files. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .summary('show a running VM move, with its files')
    .description(
      'Boot a guest that works on a Ferry file system, move it to a second QEMU and a second Ferry process, and look ' +
        'from inside whether all it had open is as it was. Uses the QEMU on PATH or in the cache and downloads ' +
        "nothing; without QEMU, Ferry's own front end takes its place.",
    )
    .option('--embedded', "use Ferry's own front end even where QEMU is there")
    .option('--json', 'one JSON object a line on stdout; the last one has type "result"')
    .action(async (flags: Flags) => {
      process.exitCode = await runDemo(flags);
    });
}

async function runDemo({ embedded = false, json = false }: Flags): Promise<number> {
  const say = (line: unknown) => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const show = (event: DemoEvent) => void process.stdout.write(`${formatEvent(event)}\n`);
  // A reader that goes away ends the telling, not the story: what was started is ended in good order
  process.stdout.on('error', () => undefined);
  const timeline = new Timeline(json ? say : show);
  using interrupt = new Interrupt((name) => process.stderr.write(`\n${name}: ending the demonstration\n`));
  const folder = await mkdtemp(join(tmpdir(), 'ferry-demo-'));
  try {
    await tell(timeline, embedded, folder, interrupt.cancel);
  } catch (error) {
    if (!interrupt.cancel.aborted) throw error;
    return ExitCode.atSource;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { ok, milliseconds } = timeline;
  if (json) say({ type: 'result', ok, milliseconds: Math.round(milliseconds) });
  else
    process.stdout.write(
      ok ? 'All of it survived the move.\n' : 'Something did not survive the move: see WRONG above.\n',
    );
  return ok ? ExitCode.ok : ExitCode.failed;
}

async function tell(
  timeline: Timeline,
  embedded: boolean,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const programs = embedded ? { missing: 'asked for' } : await findPrograms();
  if (!('missing' in programs)) {
    const { tellQemuStory } = await import('./demo/qemu-story.ts');
    return tellQemuStory(timeline, programs, folder, signal);
  }
  timeline.step(`Without QEMU (${programs.missing}): Ferry's own front end takes its place`);
  const { tellEmbeddedStory } = await import('./demo/embedded-story.ts');
  return tellEmbeddedStory(timeline, folder, signal);
}
