/** Documents and checks from programs (RFC v3: `--print-migration-info-json`; `--check`). No shell, no input, bounded. */
import { type Check, commandLine, type MigrationInfo, type Reason } from '../compat/index.ts';
import { type Captured, capture } from '../launch/index.ts';
import { DiscoverError } from './errors.ts';
import type { Found } from './found.ts';
import { MAX_DOCUMENT_BYTES, MAX_REASON, PROGRAM_WITHIN } from './limits.ts';
import { decodeText, excerpt } from './text.ts';

/** A program and its own arguments. */
export type Argv = readonly [string, ...string[]];

export interface ProgramOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; 10 000 if not given. */
  readonly deadline?: number | undefined;
  /** The program's whole environment; this process's if not given. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

const PRINT = '--print-migration-info-json';

/**
 * The document that a program prints. It gets its own arguments as well: what it says may depend on them.
 *
 * @throws DiscoverError ERR_DISCOVER_START, _NONE (it does not know the option), _REFUSED (exit status 1, with its
 *   stderr), _CRASH, _DEADLINE, _OUTPUT, _TEXT
 */
export async function fromProgram(argv: Argv, options: ProgramOptions = {}): Promise<Found> {
  const where = wordsOf(argv);
  const run = await runProgram(argv, [PRINT], options);
  if (run.code !== 0) throw badEnd(where, run, PRINT);
  if (run.cut === 'held') {
    const found = `${where} has ended, but something that it started keeps its output open`;
    throw new DiscoverError('ERR_DISCOVER_OUTPUT', `${found}: nobody knows whether its document is whole`);
  }
  const text = decodeText(run.output, `The output of ${where}`).trim();
  if (text === '') throw new DiscoverError('ERR_DISCOVER_OUTPUT', `${where} printed nothing${saying(run)}`);
  if (!text.startsWith('{') || !text.endsWith('}')) {
    const beside = text.startsWith('{') ? text.slice(-100) : text.slice(0, 100);
    const found = `${where} printed something besides a document: ${excerpt(beside)}`;
    throw new DiscoverError('ERR_DISCOVER_OUTPUT', found);
  }
  return { where, from: { kind: 'program', argv }, text };
}

/** What a program says of arguments that it could be started with. */
export type Checked = { readonly answer: 'yes' } | { readonly answer: 'no'; readonly reason: string };

/**
 * Whether a program can be instantiated with these migration parameters beside its own arguments, as it says itself
 * (`--check`): it looks at them, and neither makes a device nor touches hardware. `reason` is its stderr.
 *
 * @throws DiscoverError where it neither exits with 0 nor 1: ERR_DISCOVER_START, _NONE, _CRASH, _DEADLINE, _OUTPUT
 */
export async function checkProgram(
  argv: Argv,
  parameters: readonly string[],
  options: ProgramOptions = {},
): Promise<Checked> {
  const where = wordsOf(argv);
  const run = await runProgram(argv, [...parameters, '--check'], options);
  if (run.code === 0) return { answer: 'yes' };
  const end = badEnd(where, run, '--check');
  if (end.code !== 'ERR_DISCOVER_REFUSED') throw end;
  return { answer: 'no', reason: run.stderr.trim().slice(0, MAX_REASON) || 'It gave no reason' };
}

/** `verdict`, unless it is no, replaced by what the destination's program says itself of the arguments that it would get. */
export async function prove(
  verdict: Check,
  destination: MigrationInfo,
  argv: Argv,
  options: ProgramOptions = {},
): Promise<Check> {
  if (verdict.answer === 'no') return verdict;
  const said = await checkProgram(argv, commandLine(destination, verdict), options);
  if (said.answer === 'yes') return { ...verdict, answer: 'yes', reasons: [] };
  const where = wordsOf(argv);
  const refused: Reason = {
    code: 'refused',
    answer: 'no',
    where,
    message: `${where} refuses: ${said.reason}`,
  };
  return { ...verdict, answer: 'no', reasons: [refused, ...verdict.reasons], version: undefined };
}

async function runProgram(argv: Argv, added: readonly string[], options: ProgramOptions): Promise<Captured> {
  const { signal, env, deadline = PROGRAM_WITHIN } = options;
  signal?.throwIfAborted();
  const [program, ...own] = argv;
  const run = await capture([program, ...own, ...added], {
    deadline,
    maxOutput: MAX_DOCUMENT_BYTES,
    ...(signal && { signal }),
    ...(env && { env }),
  });
  signal?.throwIfAborted();
  const where = wordsOf(argv);
  if (run.cut === 'deadline') {
    const found = `${where} did not end within ${deadline} ms and was killed${saying(run)}`;
    throw new DiscoverError('ERR_DISCOVER_DEADLINE', found, { retry: true });
  }
  if (run.cut === 'output') {
    const found = `${where} printed more than ${MAX_DOCUMENT_BYTES} bytes and was killed`;
    throw new DiscoverError('ERR_DISCOVER_OUTPUT', found);
  }
  if (run.code === null && run.signal === null)
    throw new DiscoverError('ERR_DISCOVER_START', `${where} could not be started: ${run.stderr.trim()}`);
  return run;
}

/** What a program says of an option that it does not know. */
const UNKNOWN_OPTION = /unknown|unrecogni[sz]ed|unexpected|invalid|illegal|not defined|no such/i;

/** What an end that is not exit status 0 means. */
function badEnd(where: string, run: Captured, option: string): DiscoverError {
  const name = option.replace(/^-+/, '');
  const complaint = run.stderr.split('\n').find((line) => line.includes(name) && UNKNOWN_OPTION.test(line));
  if (run.code !== null && complaint !== undefined)
    return new DiscoverError('ERR_DISCOVER_NONE', `${where} does not know ${option}: ${excerpt(complaint)}`);
  if (run.code === 1)
    return new DiscoverError('ERR_DISCOVER_REFUSED', `${where} cannot be instantiated so${saying(run)}`);
  const how = run.signal === null ? `exit status ${run.code}` : `signal ${run.signal}`;
  const found = `${where} ended with ${how}, expected exit status 0 or 1${saying(run)}`;
  return new DiscoverError('ERR_DISCOVER_CRASH', found);
}

/** What the program wrote to stderr, whole as far as it is bounded. */
function saying(run: Captured): string {
  const said = run.stderr.trim();
  return said === '' ? ', and it gave no reason' : `: ${said.slice(0, MAX_REASON)}`;
}

/** A command for people, not for a shell: words that are not plain are quoted as in JSON. */
export function wordsOf(argv: Argv): string {
  const text = argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
