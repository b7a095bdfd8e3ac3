import type { Command } from 'commander';
import { type Answer, type Change, check, explainCheck, type Reason } from '../../compat/index.ts';
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
import { addSourceOptions, readSource, type SourceFlags } from './source.ts';
import { type Show, table } from './table.ts';
import { readWhere, WHERE } from './where.ts';

interface ExplainFlags extends OutputFlags, SourceFlags {
  readonly to?: string;
}

export interface ExplainDocument {
  readonly answer: Answer;
  readonly source: { readonly where: string; readonly list: ListDocument };
  readonly where: string;
  /** The version that decided; null where the parameters did. */
  readonly by: string | null;
  /** Every parameter of either side. Null: there is none, or it is not in the list. */
  readonly parameters: readonly {
    readonly parameter: string;
    readonly have: string | null;
    readonly allowed: string | null;
    readonly init: string | null;
    readonly off: string | null;
    /** What the destination would be started with. */
    readonly given: string | null;
    readonly answer: Answer;
    readonly note: string;
  }[];
  readonly reasons: readonly Reason[];
  /** What the running source would have to be switched to; null where that does not help. */
  readonly wayOut: readonly Change[] | null;
}

/** `ferry compat explain`: a check, parameter by parameter. */
export function addExplainCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('explain')
    .summary('show a check parameter by parameter, and what would help')
    .description(
      'Show whether a device can move there, parameter by parameter, and what would help where it cannot.',
    );
  addSourceOptions(command).option('--to <where>', `the destination: ${WHERE}`);
  addOutputOptions(addCacheOption(command)).action((flags: ExplainFlags) =>
    answer<ExplainDocument>(command, own, flags, {
      run: async (asking) => {
        const to = needed(command, '--to <where>', flags.to);
        const { list, model, where: from } = await readSource(command, flags, asking);
        const { info, where } = await readWhere(to, asking);
        const options = { where, source: model };
        const verdict = check(list, info, options);
        const rows = explainCheck(list, info, options);
        return {
          exit: COMPAT_EXIT[verdict.answer],
          document: {
            answer: verdict.answer,
            source: { where: from, list: listDocument(verdict.list) },
            where,
            by: verdict.version ?? null,
            parameters: rows.map(({ parameter, have, allowed, init, off, given, answer: one, note }) => ({
              parameter,
              have: have ?? null,
              allowed: allowed ?? null,
              init: init ?? null,
              off: off ?? null,
              given: given ?? null,
              answer: one,
              note,
            })),
            reasons: verdict.reasons,
            wayOut: verdict.wayOut ?? null,
          },
        };
      },
      render: renderExplain,
    }),
  );
}

/** For people: the verdict, a row for each parameter, and what is not about one of them. */
export function renderExplain(document: ExplainDocument, show: Show): string {
  const { answer: said, source, where, by, parameters, reasons, wayOut } = document;
  const told = new Set(parameters.map(({ parameter }) => parameter));
  const lines = [
    headline(said, `${where} ${CAN[said]} ${source.list.model} of ${source.where}`),
    ...(by === null ? [] : [`  both have version ${by}, which decides`]),
    ...table(
      [
        ['', 'PARAMETER', 'HAS', 'THERE', 'ALLOWED', 'OFF', ''],
        ...parameters.map(({ parameter, have, allowed, off, given, answer: one, note }) => [
          mark(one),
          parameter,
          have ?? '-',
          given ?? '-',
          allowed ?? '-',
          off ?? '-',
          [note, ...remediesOf(parameter, reasons)].join(' → '),
        ]),
      ],
      show,
    ),
    ...reasonLines(
      reasons.filter(({ parameter }) => parameter === undefined || !told.has(parameter)),
      show,
    ),
    ...wayOutLines(wayOut),
  ];
  return `${lines.join('\n')}\n`;
}

function remediesOf(parameter: string, reasons: readonly Reason[]): string[] {
  return reasons.flatMap((reason) =>
    reason.parameter === parameter && reason.remedy !== undefined ? [reason.remedy] : [],
  );
}
