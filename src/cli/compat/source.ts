import type { Command } from 'commander';
import {
  buildList,
  CompatError,
  type MigrationList,
  MODEL_OPTION,
  type Model,
  PARAMETER_OPTION,
  parseList,
  readArguments,
  VERSION_OPTION,
} from '../../compat/index.ts';
import { FerryError } from '../../errors.ts';
import { type Asking, type Found, readListFile, readWhere, WHERE } from './where.ts';

/** Options that say what is to move. */
export interface SourceFlags {
  readonly from?: string;
  readonly model?: string;
  readonly version?: string;
  readonly param?: readonly string[];
}

/** What is to move: its list, and its model where the source documents it. */
export interface Source {
  readonly list: MigrationList;
  readonly model: Model | undefined;
  readonly where: string;
}

/** Declares `--from`, `--model`, `--version` and `--param`. */
export function addSourceOptions(command: Command): Command {
  return addValueOptions(
    command.option('--from <where>', `what moves: a list that was saved, or ${WHERE}`),
    'its device model, such as a.com/nic; with --from, which of several',
  );
}

/** Declares `--model`, `--version` and `--param`. */
export function addValueOptions(command: Command, model: string): Command {
  return command
    .option('--model <string>', model)
    .option('--version <name>', 'its version or profile')
    .option('--param <name=value>', 'one of its parameters; may be repeated', gather);
}

/** Another value of an option that may be repeated. */
export function gather(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}

/** What the options say is to move. Ends the program with a message where they do not say it. */
export async function readSource(command: Command, flags: SourceFlags, asking: Asking): Promise<Source> {
  const { from, model, version, param = [] } = flags;
  if (from !== undefined) {
    const list = await readListFile(from);
    if (list === undefined) return sourceAt(command, await readWhere(from, asking), flags);
    refuseValues(command, flags, from);
    return { list, model: undefined, where: from };
  }
  if (model === undefined)
    return command.error(
      "error: nothing says what moves: '--from <where>', or '--model <string>' with '--param <name=value>'",
    );
  const list = parseList({ model, params: param, ...(version === undefined ? {} : { version }) });
  return { list, model: undefined, where: 'the command line' };
}

/** What is in effect at `found`; where no device is, what a new one has with the values that `flags` give. */
export function sourceAt(command: Command, found: Found, flags: Omit<SourceFlags, 'from'>): Source {
  const { info, list, where } = found;
  if (list !== undefined) {
    refuseValues(command, flags, where);
    return { list, model: info.models.get(list.model), where };
  }
  const { model, version, param = [] } = flags;
  const words = [
    ...(model === undefined ? [] : [`--migration-model=${model}`]),
    ...(version === undefined ? [] : [`--migration-version=${version}`]),
    ...param.map((assignment) => `--m-${assignment}`),
  ];
  const made = inOwnWords(() => readArguments(info, words));
  return { list: buildList(made.model, made.values, made.version), model: made.model, where };
}

/** What a device calls its arguments, by the names that they have here. */
const NAMES = [
  [PARAMETER_OPTION, '--param '],
  [MODEL_OPTION, '--model'],
  [VERSION_OPTION, '--version'],
] as const;

function inOwnWords<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CompatError)) throw error;
    const message = NAMES.reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), error.message);
    throw new FerryError(error.code, message, { cause: error });
  }
}

/** What is in effect cannot be given values here. */
function refuseValues(
  command: Command,
  { model, version, param }: Omit<SourceFlags, 'from'>,
  where: string,
): void {
  if (model !== undefined || version !== undefined || param !== undefined)
    command.error(
      `error: ${where} says itself what is in effect; '--model', '--version' and '--param' are for new devices`,
    );
}
