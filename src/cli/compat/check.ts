import type { Command } from 'commander';
import { type Answer, answerOf, type Change, check, commandLine, type Reason } from '../../compat/index.ts';
import { prove } from '../../discover/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import {
  addCacheOption,
  addOutputOptions,
  answer,
  headline,
  mark,
  needed,
  type OutputFlags,
} from './answer.ts';
import { type ListDocument, listDocument } from './documents.ts';
import { CAN, reasonLines, wayOutLines } from './reasons.ts';
import { addSourceOptions, gather, readSource, type Source, type SourceFlags } from './source.ts';
import { count, type Show } from './table.ts';
import { type Asking, type Found, readWhere, WHERE } from './where.ts';

interface CheckFlags extends OutputFlags, SourceFlags {
  readonly to?: readonly string[];
  readonly runCheck?: boolean;
}

export interface DestinationDocument {
  readonly where: string;
  readonly answer: Answer;
  readonly reasons: readonly Reason[];
  /** Arguments for a device there that takes the state, each an element; null where the answer is no. */
  readonly argv: readonly string[] | null;
  /** What the running source would have to be switched to for a better answer; null where that does not help. */
  readonly wayOut: readonly Change[] | null;
}

export interface CheckDocument {
  readonly answer: Answer;
  readonly source: { readonly where: string; readonly list: ListDocument };
  readonly destinations: readonly DestinationDocument[];
}

/** `ferry compat check`: whether a device can move to each of some destinations. */
export function addCheckCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('check')
    .summary('say whether a device can move there, and why not')
    .description(
      'Say whether a device can move to each of the destinations: yes when it can to all of them.',
    );
  addSourceOptions(command)
    .option('--to <where>', `a destination; may be repeated: ${WHERE}`, gather)
    .option('--run-check', "also have a destination's program check the arguments itself (--check)");
  addOutputOptions(addCacheOption(command)).action((flags: CheckFlags) =>
    answer<CheckDocument>(command, own, flags, {
      run: async (asking) => {
        const source = await readSource(command, flags, asking);
        const destinations: DestinationDocument[] = [];
        for (const to of needed(command, '--to <where>', flags.to)) {
          const found = await readWhere(to, asking);
          destinations.push(await checkOne(source, found, flags.runCheck === true ? asking : undefined));
        }
        const said = answerOf(destinations);
        const document = {
          answer: said,
          source: { where: source.where, list: listDocument(source.list) },
          destinations,
        };
        return { exit: COMPAT_EXIT[said], document };
      },
      render: renderCheck,
    }),
  );
}

/** The verdict on one destination; with `asking`, that of its program itself. */
async function checkOne(
  { list, model }: Source,
  { info, where, from }: Found,
  asking: Asking | undefined,
): Promise<DestinationDocument> {
  let verdict = check(list, info, { where, source: model });
  if (asking !== undefined) {
    if (from.kind !== 'program')
      return asking.command.error(`error: only a program can check arguments itself, and ${where} is none`);
    verdict = await prove(verdict, info, from.argv, { signal: asking.signal });
  }
  const { answer: said, reasons, wayOut = null } = verdict;
  return { where, answer: said, reasons, argv: said === 'no' ? null : commandLine(info, verdict), wayOut };
}

/** For people: the verdict, then the destinations where there are several, each with its reasons. */
export function renderCheck({ answer: said, source, destinations }: CheckDocument, show: Show): string {
  const { model } = source.list;
  const [only] = destinations;
  const able = destinations.filter((one) => one.answer === 'yes').length;
  const lines =
    destinations.length === 1 && only !== undefined
      ? [
          headline(said, `${only.where} ${CAN[said]} ${model}`),
          ...reasonLines(only.reasons, show),
          ...wayOutLines(only.wayOut),
        ]
      : [
          headline(said, `${able} of ${count(destinations.length, 'destination')} can take ${model}`),
          ...destinations.flatMap(({ where, answer: one, reasons, wayOut }) => [
            `  ${mark(one)}  ${where}`,
            ...reasonLines(reasons, show, '    '),
            ...wayOutLines(wayOut).map((line) => `  ${line}`),
          ]),
        ];
  return `${lines.join('\n')}\n`;
}
