import type { Command } from 'commander';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, type OutputFlags } from './answer.ts';
import { type ListDocument, listDocument } from './documents.ts';
import { addValueOptions, type SourceFlags, sourceAt } from './source.ts';
import { readWhere, WHERE } from './where.ts';

export interface ListOutput {
  readonly where: string;
  readonly list: ListDocument;
}

/** `ferry compat list`: the parameter list of a source. */
export function addListCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('list')
    .summary('print the parameter list of what runs, or of what would')
    .description(
      'Print the migration parameter list: what is in effect on a running device, or what a new one has. It can be kept in a file and given to --from; its digest goes to stderr.',
    )
    .argument('<where>', WHERE);
  addValueOptions(command, 'which of several device models');
  addOutputOptions(command).action((where: string, flags: OutputFlags & SourceFlags) =>
    answer<ListOutput>(command, own, flags, {
      run: async (asking) => {
        const source = sourceAt(command, await readWhere(where, asking), flags);
        return {
          exit: COMPAT_EXIT.yes,
          document: { where: source.where, list: listDocument(source.list) },
        };
      },
      render: ({ list }) => ({ out: renderList(list), err: `digest ${list.digest}\n` }),
      exact: true,
    }),
  );
}

/** A list as it travels. */
export function renderList({ model, version, parameters }: ListDocument): string {
  const values = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [model, ...(version === null ? [] : [`version: ${version}`]), ...values, ''].join('\n');
}
