import type { Command } from 'commander';
import type { LintFinding } from '../../compat/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addCacheOption, addOutputOptions, answer, type OutputFlags } from './answer.ts';
import {
  type ListDocument,
  listDocument,
  type ModelDocument,
  modelDocument,
  valuesLine,
} from './documents.ts';
import { clip } from './printable.ts';
import { count, type Show, table } from './table.ts';
import { readWhere, WHERE } from './where.ts';

export interface InfoDocument {
  readonly where: string;
  readonly from: string;
  readonly models: readonly ModelDocument[];
  /** What is in effect there now; null where there is no device. */
  readonly list: ListDocument | null;
  readonly findings: readonly LintFinding[];
}

/** `ferry compat info`: what an implementation offers. */
export function addInfoCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('info')
    .summary('show what an implementation offers')
    .description('Show what an implementation offers: device models, their parameters, versions and rules.')
    .argument('<where>', WHERE);
  addOutputOptions(addCacheOption(command)).action((where: string, flags: OutputFlags) =>
    answer<InfoDocument>(command, own, flags, {
      run: async (asking) => {
        const { info, list, findings, from, where: name } = await readWhere(where, asking);
        return {
          exit: COMPAT_EXIT.yes,
          document: {
            where: name,
            from: from.kind,
            models: [...info.models.values()].map(modelDocument),
            list: list === undefined ? null : listDocument(list),
            findings,
          },
        };
      },
      render: renderInfo,
    }),
  );
}

/** For people: a table for each model, with what is in effect where that is known. */
export function renderInfo({ where, models, list, findings }: InfoDocument, show: Show): string {
  const lines = models.flatMap((model, at) => [
    ...(at === 0 ? [] : ['']),
    `${model.model} at ${where}: ${count(model.parameters.length, 'parameter')}`,
    ...renderModel(model, list?.model === model.model ? list : null, show),
  ]);
  if (list !== null) lines.push(`digest ${list.digest}`);
  if (findings.length > 0)
    lines.push(`${count(findings.length, 'remark')} on the document: see ferry compat lint`);
  return `${lines.join('\n')}\n`;
}

const HEAD = ['PARAMETER', 'TYPE', 'NEW', 'OFF', 'ALLOWED', 'SINCE', ''];

/** Characters of what a profile says, unless all is asked for. */
const MOST_PROFILE = 72;

function renderModel(
  { parameters, versions, profiles, rules }: ModelDocument,
  list: ListDocument | null,
  show: Show,
): string[] {
  const now = (name: string, off: string | null) =>
    list === null ? [] : [list.parameters[name] ?? off ?? ''];
  const rows = parameters.map(({ name, type, init, off, allowed, since, live, description }) => [
    ...now(name, off),
    name,
    type,
    init,
    off ?? 'never',
    allowed === null ? `any ${type}` : allowed.join(', '),
    since === null ? '' : String(since),
    [live === null ? '' : '(live)', show.all ? (description ?? '') : ''].join(' ').trim(),
  ]);
  const named = versions.map((name) => {
    const values = profiles[name];
    if (values === undefined) return ['version', name];
    const says = valuesLine(values);
    return ['profile', name, show.all ? says : clip(says, MOST_PROFILE)];
  });
  return [
    ...(rows.length === 0 ? [] : table([[...(list === null ? [] : ['NOW']), ...HEAD], ...rows], show)),
    ...table(named, show),
    ...table(
      rules.map((rule) => ['rule', rule]),
      show,
    ),
  ];
}
