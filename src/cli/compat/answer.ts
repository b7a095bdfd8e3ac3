import { styleText } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { ANSWERS, type Answer } from '../../compat/index.ts';
import { DocumentCache } from '../../discover/index.ts';
import { asError, FerryError } from '../../errors.ts';
import { ExitCode } from '../exit-codes.ts';
import { Interrupt } from '../interrupt.ts';
import { jsonLine, printable, printableData } from './printable.ts';
import type { Show } from './table.ts';
import type { Asking } from './where.ts';

/** Version of all documents that `--json` prints: members may be added under it, none is renamed or goes. */
const VERSION = 1;

/** Options of every command below `ferry compat`. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly cached?: boolean;
}

/** What a command prints as JSON, behind the version and its name. */
export type Document = object & { readonly version?: never; readonly command?: never };

/** What a command found out: its exit code, and what `--json` prints, from which what people read is made as well. */
export interface Outcome<D extends Document> {
  readonly exit: number;
  readonly document: D;
}

/** What people read: results on stdout, what is to be known beside them on stderr. */
export interface Telling {
  readonly out: string;
  readonly err?: string;
}

/** How a command does its work and tells of it. */
export interface Work<D extends Document> {
  run(asking: Asking): Promise<Outcome<D>>;
  /** Gets texts that are safe on a terminal. */
  render(document: D, show: Show): Telling | string;
  /** What it tells is read by programs as well: where stdout is no terminal, texts come as they are. */
  readonly exact?: boolean;
}

/** Declares `--json` and `--all`. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON object in place of the text; docs/json.md describes it')
    .option('--all', 'show everything, however long');
}

/** Declares `--cached`, for commands that make nothing: who makes a device reads its document anew. */
export function addCacheOption(command: Command): Command {
  return command.option(
    '--cached',
    'take documents of programs as they were read before, where nothing has changed that they depend on',
  );
}

/**
 * Does the work of `command`, writes what there is to say and sets the exit code. What cannot be read or asked is no
 * answer: it is told on stderr, and as JSON on stdout where that was asked for, and has the exit code of wrong usage.
 */
export async function answer<D extends Document>(
  command: Command,
  own: readonly string[],
  flags: OutputFlags,
  work: Work<D>,
): Promise<void> {
  const { writeOut, writeErr } = command.configureOutput();
  const out = (text: string) => writeOut?.(text);
  const err = (text: string) => writeErr?.(text);
  const head = { version: VERSION, command: command.name() };
  // An answer does not change because nobody reads it to its end
  for (const stream of [process.stdout, process.stderr])
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
  using interrupt = new Interrupt((name) => err(`${name}: ending; once more to end at once\n`));
  interrupt.force.addEventListener('abort', () => process.exit(ExitCode.usage), { once: true });
  try {
    const cache =
      flags.cached === true ? new DocumentCache(undefined, (line) => err(`${printable(line)}\n`)) : undefined;
    const asking: Asking = { command, own, signal: interrupt.cancel, cache, programs: [] };
    const { exit, document } = await work.run(asking);
    if (own.length > 0 && asking.programs.length === 0)
      command.error(
        `error: no program was asked that the arguments after -- could belong to: ${own.join(' ')}`,
      );
    process.exitCode = exit;
    if (flags.json === true) return out(jsonLine({ ...head, ...document }));
    const exact = work.exact === true && process.stdout.isTTY !== true;
    const told = work.render(exact ? document : printableData(document), { all: flags.all === true });
    const { out: text, err: remarks = '' } = typeof told === 'string' ? { out: told } : told;
    out(text);
    if (remarks !== '') err(remarks);
  } catch (thrown) {
    // Wrong usage that only now shows has been told
    if (thrown instanceof CommanderError) throw thrown;
    const { message } = asError(thrown);
    const cancelled = interrupt.cancel.aborted ? 'ERR_CANCELLED' : 'ERR_UNKNOWN';
    const code = thrown instanceof FerryError ? thrown.code : cancelled;
    process.exitCode = ExitCode.usage;
    err(`ferry compat ${command.name()}: ${printable(message.trimEnd())} (${code})\n`);
    if (flags.json === true) out(jsonLine({ ...head, error: { code, message } }));
  }
}

/** The value of an option that has to be there. Commander would miss it before it names the misspelt one. */
export function needed<T>(command: Command, option: string, value: T | undefined): T {
  return value ?? command.error(`error: required option '${option}' not specified`);
}

const COLOURS = { yes: 'green', no: 'red', unproven: 'yellow' } as const;

/** The answer as the first word of a line, in its colour where the terminal has any. */
export function paint(answer: Answer, text: string = answer): string {
  return styleText(COLOURS[answer], text);
}

const MARK = Math.max(...ANSWERS.map(({ length }) => length));

/** An answer in a column of answers. */
export function mark(answer: Answer): string {
  return paint(answer, answer.padEnd(MARK));
}

/** The same before a reason: one that speaks for yes is a note. */
export function reasonMark(answer: Answer): string {
  return answer === 'yes' ? paint('yes', 'note'.padEnd(MARK)) : mark(answer);
}

/** `yes: words`, the first line of what people read. */
export function headline(answer: Answer, words: string): string {
  return `${paint(answer)}: ${words}`;
}
