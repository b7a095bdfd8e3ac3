import type { Command } from 'commander';
import { type Answer, compareLists } from '../../compat/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, headline, needed, type OutputFlags } from './answer.ts';
import { type ListDocument, listDocument } from './documents.ts';
import { readMembers, type UnreadableDocument, unreadableLines } from './inventory.ts';
import { readSource } from './source.ts';
import { count, named, type Show } from './table.ts';
import { WHERE } from './where.ts';

interface NewerFlags extends OutputFlags {
  readonly among?: string;
}

type Order = 'newer' | 'older' | 'same' | 'incomparable';

interface SideDocument {
  readonly where: string;
  readonly list: ListDocument;
  /** Members of the inventory that take it for certain. */
  readonly support: readonly string[];
  /** Those that may take it. */
  readonly unproven: readonly string[];
  /** The oldest revision of the model that can load it; null where the model does not say. */
  readonly generation: number | null;
}

export interface NewerDocument {
  /** `yes`: A is newer; `no`: it is older or as new; `unproven`: they cannot be compared. */
  readonly answer: Answer;
  /** A seen from B. */
  readonly order: Order;
  /** By who takes them, and by the revisions that the model gives its parameters. */
  readonly bySupport: Order;
  readonly byGeneration: Order;
  readonly a: SideDocument;
  readonly b: SideDocument;
  readonly total: number;
  readonly unreadable: readonly UnreadableDocument[];
}

const ANSWER = { newer: 'yes', same: 'no', older: 'no', incomparable: 'unproven' } as const;

/** `ferry compat newer`: which of two lists is more modern. */
export function addNewerCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('newer')
    .summary('say which of two lists is more modern')
    .description(
      'Say whether list A is more modern than list B: whatever takes A takes B as well, and not the other way round. Lists that neither contain each other nor have revisions cannot be compared.',
    )
    .argument('<a>', `a list that was saved, or ${WHERE}`)
    .argument('<b>', 'the other')
    .option('--among <inventory>', 'implementations that may take them: a folder, or lines of JSON');
  addOutputOptions(command).action((a: string, b: string, flags: NewerFlags) =>
    answer<NewerDocument>(command, own, flags, {
      run: async (asking) => {
        const [one, other] = [
          await readSource(command, { from: a }, asking),
          await readSource(command, { from: b }, asking),
        ];
        const { members, unreadable } = await readMembers(
          needed(command, '--among <inventory>', flags.among),
          asking,
        );
        const { order, support, generation } = compareLists(one.list, other.list, members);
        const said = ANSWER[order];
        return {
          exit: COMPAT_EXIT[said],
          document: {
            answer: said,
            order,
            bySupport: support.order,
            byGeneration: generation.order,
            a: {
              where: one.where,
              list: listDocument(one.list),
              support: support.a,
              unproven: support.unprovenA,
              generation: generation.a ?? null,
            },
            b: {
              where: other.where,
              list: listDocument(other.list),
              support: support.b,
              unproven: support.unprovenB,
              generation: generation.b ?? null,
            },
            total: members.length,
            unreadable,
          },
        };
      },
      render: renderNewer,
    }),
  );
}

/** For people: the order in words, and who takes which. */
export function renderNewer(document: NewerDocument, show: Show): string {
  const { answer: said, order, a, b, total, unreadable } = document;
  const words: Readonly<Record<Order, string>> = {
    newer: `${a.where} is more modern than ${b.where}`,
    same: `${a.where} is as modern as ${b.where}`,
    older: `${b.where} is more modern than ${a.where}`,
    incomparable: `${a.where} and ${b.where} cannot be compared`,
  };
  const side = ({ where, support, generation }: SideDocument, other: SideDocument) => {
    const others = new Set(other.support);
    const alone = support.filter((id) => !others.has(id));
    return [
      `  ${where}: ${support.length} of ${count(total, 'implementation')} take it`,
      ...(generation === null ? [] : [`from revision ${generation} of the model on`]),
      ...(alone.length === 0 ? [] : [`only this one is taken by ${named(alone, show)}`]),
    ].join('; ');
  };
  const lines = [headline(said, words[order]), side(a, b), side(b, a), ...unreadableLines(unreadable, show)];
  return `${lines.join('\n')}\n`;
}
