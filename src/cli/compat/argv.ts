import type { Command } from 'commander';
import { type Answer, check, commandLine, type Reason } from '../../compat/index.ts';
import { FerryError } from '../../errors.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, headline, needed, type OutputFlags, type Telling } from './answer.ts';
import { printable, printableData } from './printable.ts';
import { CAN, reasonLines } from './reasons.ts';
import { addSourceOptions, readSource, type SourceFlags } from './source.ts';
import type { Show } from './table.ts';
import { readWhere, WHERE } from './where.ts';

interface ArgvFlags extends OutputFlags, SourceFlags {
  readonly to?: string;
  readonly null?: boolean;
}

export interface ArgvDocument {
  readonly answer: Answer;
  readonly where: string;
  readonly model: string;
  readonly reasons: readonly Reason[];
  readonly argv: readonly string[] | null;
}

/** `ferry compat argv`: arguments for a device at the destination that takes the state. */
export function addArgvCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('argv')
    .summary('print the arguments for the device at the destination')
    .description(
      'Print the arguments for a device at the destination that takes the state of the source, one a line; none when the answer is no. They are arguments, not words for a shell: use --null with xargs -0, or --json.',
    );
  addSourceOptions(command)
    .option('--to <where>', `the destination: ${WHERE}`)
    .option('-0, --null', 'a NUL character behind each argument in place of a newline')
    .option('--cached', 'refuse when a program says something else than an answer with --cached rested on');
  addOutputOptions(command).action((flags: ArgvFlags) =>
    answer<ArgvDocument>(command, own, flags, {
      run: async (asking) => {
        const to = needed(command, '--to <where>', flags.to);
        const { list, model } = await readSource(command, flags, asking);
        const { info, where, changed } = await readWhere(to, asking, true);
        if (changed === true)
          throw new FerryError('ERR_COMPAT_CHANGED', `${where} says something else than before: check again`);
        const verdict = check(list, info, { where, source: model });
        const { answer: said, reasons } = verdict;
        const argv = said === 'no' ? null : commandLine(info, verdict);
        return {
          exit: COMPAT_EXIT[said],
          document: { answer: said, where, model: list.model, reasons, argv },
        };
      },
      render: (document, show) => renderArgv(document, flags.null === true ? '\0' : '\n', show),
      exact: true,
    }),
  );
}

/** The arguments, each with `end` behind it; beside them why there are none, or what is not proven. */
function renderArgv(
  { answer: said, where, model, reasons, argv }: ArgvDocument,
  end: string,
  show: Show,
): Telling {
  const out = (argv ?? []).map((argument) => argument + end).join('');
  if (said === 'yes') return { out };
  const head = headline(said, printable(`${where} ${CAN[said]} ${model}`));
  return { out, err: [head, ...reasonLines(printableData(reasons), show), ''].join('\n') };
}
