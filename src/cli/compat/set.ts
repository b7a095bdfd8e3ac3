import type { Command } from 'commander';
import { readList } from '../../compat/index.ts';
import { ControlClient, RemoteError } from '../../control/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, headline, needed, type OutputFlags } from './answer.ts';
import { type ListDocument, listDocument } from './documents.ts';

interface SetFlags extends OutputFlags {
  readonly control?: string;
}

export interface SetDocument {
  /** `no`: the device refused, and what it has is as it was. */
  readonly answer: 'yes' | 'no';
  readonly control: string;
  readonly parameter: string;
  readonly value: string;
  /** The list in effect now. */
  readonly list: ListDocument;
  /** What the device said where it refused. */
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

/** `ferry compat set`: switch a live parameter of a running device. */
export function addSetCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('set')
    .summary('switch a parameter of a running device')
    .description(
      'Switch a parameter of a running device that may be switched while it runs, such as the format of its state, so that an older destination can take it.',
    )
    .argument('<name=value>', 'the parameter and what it is to be')
    .option('--control <path>', "the device's control socket");
  addOutputOptions(command).action((assignment: string, flags: SetFlags) =>
    answer<SetDocument>(command, own, flags, {
      run: async ({ signal }) => {
        const control = needed(command, '--control <path>', flags.control);
        const at = assignment.indexOf('=');
        if (at < 1) return command.error(`error: found '${assignment}', expected name=value`);
        const [parameter, value] = [assignment.slice(0, at), assignment.slice(at + 1)];
        await using client = await ControlClient.connect(control, { signal });
        const refusal = await client.setParameter(parameter, value, { signal }).then(() => null, refused);
        const { list } = await client.migrationInfo({ signal });
        const said = refusal === null ? 'yes' : 'no';
        const document = {
          answer: said,
          control,
          parameter,
          value,
          list: listDocument(readList(list)),
          refusal,
        } as const;
        return { exit: COMPAT_EXIT[said], document };
      },
      render: renderSet,
    }),
  );
}

/** What the device said against it. Anything else than a refusal is no answer. */
function refused(error: unknown): { code: string; message: string } {
  if (error instanceof RemoteError) return { code: error.code, message: error.message };
  throw error;
}

/** For people: what it is now. */
export function renderSet({ answer: said, control, parameter, value, refusal }: SetDocument): string {
  const words = `${control} ${said === 'yes' ? 'now has' : 'does not take'} ${parameter}=${value}`;
  return `${headline(said, words)}\n${refusal === null ? '' : `  ${refusal.message} (${refusal.code})\n`}`;
}
