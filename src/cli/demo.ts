import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  addMachineOptions,
  FIRST_LOOK,
  givenMachineOptions,
  type MachineOptions,
} from './demo/machine-options.ts';
import { findPrograms } from './demo/programs.ts';
import { type DemoEvent, formatEvent, Timeline } from './demo/timeline.ts';
import { ExitCode } from './exit-codes.ts';
import { Interrupt } from './interrupt.ts';

interface Flags extends MachineOptions {
  readonly embedded?: boolean;
  readonly json?: boolean;
}

/** What is to be shown: a guest with its files, or a machine whose RAM and disks move, or one after the other. */
type Stories = 'qemu-or-embedded' | 'embedded' | 'machine';

/** How it ended where that is not told by what was checked. */
type End = 'told' | 'refused' | 'cancelled' | 'unknown';

const HELP = `
With --embedded and none of these options, and without QEMU, a smaller machine is shown after the files: 512M of RAM and
8 disks of 64M.

Exit codes: 0 all of it survived, 1 something did not, 2 usage, 3 there is not enough memory, 4 ended by Ctrl-C and the
machine is at the source, 5 it is not known where the machine runs (neither side was started).

Examples:
  ferry demo
  ferry demo --embedded --devices 4 --state 64M --ram 512M --dirty-rate 400M --compress zstd`;

/** `ferry demo`: show a running guest move, with its open files. */
export function addDemoCommand(program: Command): void {
  const demo = program
    .command('demo')
    .summary('show a running VM move, with its files')
    .description(
      'Boot a guest that works on a Ferry file system, move it to a second QEMU and a second Ferry process, and look ' +
        'from inside whether all it had open is as it was. Uses the QEMU on PATH or in the cache and downloads ' +
        "nothing; without QEMU, Ferry's own front end takes its place, and after it a machine of Ferry's own moves with " +
        'its RAM and many disks over several channels.',
    )
    .option('--embedded', "use Ferry's own front end and machine even where QEMU is there")
    .option('--json', 'one JSON object a line on stdout; the last one has type "result"')
    .optionsGroup("Ferry's own machine (with --embedded; it alone is shown when one of these is given):");
  addMachineOptions(demo)
    .addHelpText('after', HELP)
    .action(async (flags: Flags, command: Command) => {
      const [given] = givenMachineOptions(command);
      if (given !== undefined && flags.embedded !== true)
        command.error(`error: option '${given}' is about Ferry's own machine and needs '--embedded'`);
      const stories =
        given !== undefined ? 'machine' : flags.embedded === true ? 'embedded' : 'qemu-or-embedded';
      process.exitCode = await runDemo(flags, stories);
    });
}

async function runDemo(flags: Flags, stories: Stories): Promise<number> {
  const { json = false } = flags;
  const say = (line: unknown) => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const show = (event: DemoEvent) => void process.stdout.write(`${formatEvent(event)}\n`);
  // A reader that goes away ends the telling, not the story: what was started is ended in good order
  process.stdout.on('error', () => undefined);
  const timeline = new Timeline(json ? say : show);
  using interrupt = new Interrupt((name) => process.stderr.write(`\n${name}: ending the demonstration\n`));
  const folder = await mkdtemp(join(tmpdir(), 'ferry-demo-'));
  let end: End;
  try {
    end = await tell(timeline, stories, flags, folder, interrupt.cancel);
  } catch (error) {
    if (!interrupt.cancel.aborted) throw error;
    return ExitCode.atSource;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { milliseconds } = timeline;
  const ok = timeline.ok && end === 'told';
  if (json) say({ type: 'result', ok, milliseconds: Math.round(milliseconds), end });
  else process.stdout.write(`${ok ? 'All of it survived the move.' : LAST_WORDS[end]}\n`);
  return ok ? ExitCode.ok : END_EXIT[end];
}

async function tell(
  timeline: Timeline,
  stories: Stories,
  flags: Flags,
  folder: string,
  signal: AbortSignal,
): Promise<End> {
  if (stories !== 'machine') {
    const programs = stories === 'embedded' ? { missing: 'asked for' } : await findPrograms();
    if (!('missing' in programs)) {
      const { tellQemuStory } = await import('./demo/qemu-story.ts');
      await tellQemuStory(timeline, programs, folder, signal);
      return 'told';
    }
    timeline.step(`Without QEMU (${programs.missing}): Ferry's own front end takes its place`);
    const { tellEmbeddedStory } = await import('./demo/embedded-story.ts');
    await tellEmbeddedStory(timeline, folder, signal);
  }
  const { tellMachineStory, whatIsMissing } = await import('./demo/machine-story.ts');
  const options = stories === 'machine' ? flags : { ...flags, ...FIRST_LOOK };
  const missing = whatIsMissing(options);
  if (missing === undefined) return tellMachineStory(timeline, options, signal);
  timeline.step(`A machine with RAM and disks is not shown: ${missing}`);
  return stories === 'machine' ? 'refused' : 'told';
}

const LAST_WORDS: Readonly<Record<End, string>> = {
  told: 'Something did not survive the move: see WRONG above.',
  refused: 'Nothing was started.',
  cancelled: 'The move was cancelled: the machine runs on where it was.',
  unknown: 'It is not known where the machine runs: neither side was started.',
};

const END_EXIT: Readonly<Record<End, number>> = {
  told: ExitCode.failed,
  refused: ExitCode.refused,
  cancelled: ExitCode.atSource,
  unknown: ExitCode.unknown,
};
