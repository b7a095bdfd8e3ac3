import type { Command } from 'commander';
import { type Answer, commandLine, type Reason, rank } from '../../compat/index.ts';
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
import { INVENTORY, readMembers, type UnreadableDocument, unreadableLines } from './inventory.ts';
import { decisive } from './reasons.ts';
import { addSourceOptions, gather, readSource, type SourceFlags } from './source.ts';
import { count, type Show, table } from './table.ts';

interface FindFlags extends OutputFlags, SourceFlags {
  readonly among?: string;
  readonly label?: readonly string[];
}

export interface CandidateDocument {
  readonly id: string;
  readonly where: string;
  readonly answer: Answer;
  readonly reasons: readonly Reason[];
  readonly argv: readonly string[] | null;
}

export interface FindDocument {
  /** `yes` when one can take it; `unproven` when one may be able to. */
  readonly answer: Answer;
  readonly source: { readonly where: string; readonly list: ListDocument };
  readonly total: number;
  readonly yes: number;
  readonly unproven: number;
  readonly no: number;
  /** The best first. */
  readonly candidates: readonly CandidateDocument[];
  readonly unreadable: readonly UnreadableDocument[];
}

/** `ferry compat find`: which of many destinations can take a device. */
export function addFindCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('find')
    .summary('say which of many destinations can take a device, the best first')
    .description(
      'Say which of many destinations can take a device, the best first, and of each that cannot why not: yes when one can.',
    );
  addSourceOptions(command)
    .option('--among <inventory>', INVENTORY)
    .option('--label <label>', 'only members with this label; may be repeated', gather);
  addOutputOptions(addCacheOption(command)).action((flags: FindFlags) =>
    answer<FindDocument>(command, own, flags, {
      run: async (asking) => {
        const { list, model, where } = await readSource(command, flags, asking);
        const { members, unreadable } = await readMembers(
          needed(command, '--among <inventory>', flags.among),
          asking,
          flags.label,
        );
        const ranked = rank(list, members, { source: model });
        const byId = new Map(members.map((member) => [member.id, member]));
        const candidates = ranked.map(({ id, check: verdict }): CandidateDocument => {
          const member = byId.get(id);
          const argv =
            verdict.answer === 'no' || member === undefined ? null : commandLine(member.info, verdict);
          return { id, where: member?.where ?? id, answer: verdict.answer, reasons: verdict.reasons, argv };
        });
        const number = (one: Answer) => candidates.filter((candidate) => candidate.answer === one).length;
        const numbers = { yes: number('yes'), unproven: number('unproven'), no: number('no') };
        const said = numbers.yes > 0 ? 'yes' : numbers.unproven > 0 ? 'unproven' : 'no';
        return {
          exit: COMPAT_EXIT[said],
          document: {
            answer: said,
            source: { where, list: listDocument(list) },
            total: members.length,
            ...numbers,
            candidates,
            unreadable,
          },
        };
      },
      render: renderFind,
    }),
  );
}

/** For people: how many can, the best of them, then each with what decides. */
export function renderFind(document: FindDocument, show: Show): string {
  const { answer: said, source, total, candidates, unreadable } = document;
  const [best] = candidates;
  const lines = [
    headline(
      said,
      `${document.yes} of ${count(total, 'destination')} can take ${source.list.model}${said === 'yes' ? `, best ${best?.id}` : ''}`,
    ),
    ...table(
      candidates.map(({ id, answer: one, reasons }) => [mark(one), id, decisive(reasons)]),
      show,
    ),
    ...unreadableLines(unreadable, show),
  ];
  return `${lines.join('\n')}\n`;
}
