import type { Command } from 'commander';
import { type LintFinding, readInfo } from '../../compat/index.ts';
import { findDocument } from '../../discover/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, headline, type OutputFlags } from './answer.ts';
import { count, firstOf, more, type Show } from './table.ts';
import { WHERE } from './where.ts';

export interface LintDocument {
  /** `no`: there are errors. */
  readonly answer: 'yes' | 'no';
  readonly errors: number;
  readonly warnings: number;
  readonly documents: readonly { readonly where: string; readonly findings: readonly LintFinding[] }[];
}

/** Findings that are shown unless all are asked for. */
const MOST_FINDINGS = 40;

/** `ferry compat lint`: what is wrong with migration info documents. */
export function addLintCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('lint')
    .summary('say what is wrong with migration info documents, and where')
    .description(
      'Say what is wrong with migration info documents, with line and column: no where there are errors.',
    )
    .argument('<where...>', WHERE);
  addOutputOptions(command).action((operands: readonly string[], flags: OutputFlags) =>
    answer<LintDocument>(command, own, flags, {
      run: async ({ signal, programs }) => {
        const documents: LintDocument['documents'][number][] = [];
        for (const one of operands.slice(0, operands.length - own.length)) {
          const { where, text, from } = await findDocument(one, { arguments: [...own], signal });
          if (from.kind === 'program') programs.push(one);
          documents.push({ where, findings: readInfo(text).findings });
        }
        const findings = documents.flatMap((document) => document.findings);
        const errors = findings.filter(({ level }) => level === 'error').length;
        const said = errors > 0 ? 'no' : 'yes';
        return {
          exit: COMPAT_EXIT[said],
          document: { answer: said, errors, warnings: findings.length - errors, documents },
        };
      },
      render: renderLint,
    }),
  );
}

/** For people and editors: `file:line:column: level: message`. */
export function renderLint({ answer: said, errors, warnings, documents }: LintDocument, show: Show): string {
  const found = [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  const words = found.length === 0 ? 'nothing is wrong' : found.join(' and ');
  const { shown, left } = firstOf(
    documents.flatMap(({ where, findings }) => findings.map((finding) => ({ where, ...finding }))),
    MOST_FINDINGS,
    show,
  );
  const lines = [
    headline(
      said,
      `${words} in ${documents.length === 1 ? documents[0]?.where : count(documents.length, 'document')}`,
    ),
    ...shown.map(
      ({ where, line, column, level, message, place }) =>
        `${where}:${line}:${column}: ${level}: ${message}${place === '' ? '' : ` (${place})`}`,
    ),
    ...more(left),
  ];
  return `${lines.join('\n')}\n`;
}
