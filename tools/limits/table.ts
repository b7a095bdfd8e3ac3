/**
 * The tables of LIMITS.md, made from what the files of bounds export and the comments there.
 *
 *     node tools/limits/table.ts     writes them into LIMITS.md between its two marks
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import {
  isIdentifier,
  isInterfaceDeclaration,
  isPropertySignatureDeclaration,
  isTypeReferenceNode,
  isVariableStatement,
} from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';

const marks = { from: '<!-- limits: made by tools/limits/table.ts -->', to: '<!-- limits: end -->' };

/** Files that hold bounds and nothing else, and those that hold settings, which can be changed. */
const sources = [
  'src/**/limits.ts',
  'src/device/settings.ts',
  'src/migrate/options.ts',
  'src/engine/transfer/options.ts',
];

interface Row {
  readonly name: string;
  readonly value: number;
  readonly comment: string;
}

/** One table for each room that has limits, as LIMITS.md holds them. */
export async function limitTables(root: string): Promise<string> {
  const api = new API({ cwd: root });
  try {
    const config = `${root}/tsconfig.json`;
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    const tables: string[] = [];
    for (const path of globSync(sources, { cwd: root }).sort()) {
      const file = project?.program.getSourceFile(`${root}/${path}`);
      if (file === undefined) throw new Error(`${path} is not part of the project`);
      const values: Record<string, unknown> = await import(pathToFileURL(`${root}/${path}`).href);
      tables.push(table(path, rowsOf(file, values)));
    }
    return tables.join('\n');
  } finally {
    api.close();
  }
}

/** `text` with the tables between the two marks. */
export function withTables(text: string, tables: string): string {
  const [start, end] = [text.indexOf(marks.from), text.indexOf(marks.to)];
  if (start < 0 || end < start) throw new Error(`LIMITS.md has no ${marks.from} … ${marks.to}`);
  return `${text.slice(0, start)}${marks.from}\n\n${tables}\n${text.slice(end)}`;
}

function rowsOf(file: SourceFile, values: Readonly<Record<string, unknown>>): Row[] {
  return file.statements.flatMap((statement) => {
    if (!isVariableStatement(statement)) return [];
    return statement.declarationList.declarations.flatMap(({ name, type }): Row[] => {
      if (!isIdentifier(name)) return [];
      const value = values[name.text];
      if (typeof value === 'number') return [{ name: name.text, value, comment: comment(file, statement) }];
      // A list is no bound
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
      const shape = type && isTypeReferenceNode(type) ? type.typeName.getText(file) : '';
      return Object.entries(value).flatMap(([member, bound]) => {
        if (typeof bound !== 'number') return [];
        const comment = memberComment(file, shape, member);
        return [{ name: `${name.text}.${member}`, value: bound, comment }];
      });
    });
  });
}

function memberComment(file: SourceFile, shape: string, member: string): string {
  for (const statement of file.statements) {
    if (!isInterfaceDeclaration(statement) || statement.name.text !== shape) continue;
    const found = statement.members.find(
      (one) => isPropertySignatureDeclaration(one) && one.name.getText(file) === member,
    );
    if (found !== undefined) return comment(file, found);
  }
  throw new Error(`${file.fileName} says nothing of ${shape}.${member}`);
}

/** The doc comment before `node`, in one line. */
function comment(file: SourceFile, node: Node): string {
  const before = file.text.slice(node.pos, node.getStart(file));
  const text = /\/\*\*(?![\s\S]*\/\*\*)([\s\S]*?)\*\//.exec(before)?.[1];
  if (text === undefined)
    throw new Error(`${file.fileName} has a limit without a comment: ${node.getText(file)}`);
  return text
    .replace(/\s*\n\s*\*\s?/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

function table(path: string, rows: readonly Row[]): string {
  const lines = rows.map((row) => `| \`${row.name}\` | ${amount(row.value)} | ${row.comment} |`);
  return [`\`${path}\``, '', '| limit | value | what it bounds |', '| --- | --- | --- |', ...lines, ''].join(
    '\n',
  );
}

/** Whole MiB and more in that unit, everything else with its digits in groups of three. */
function amount(value: number): string {
  const units = ['MiB', 'GiB', 'TiB', 'PiB'];
  for (let power = units.length - 1; power >= 0; power--) {
    const unit = 2 ** (20 + 10 * power);
    if (value >= unit && value % unit === 0) return `${value / unit} ${units[power]}`;
  }
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

if (import.meta.main) {
  const text = readFileSync('LIMITS.md', 'utf8');
  writeFileSync('LIMITS.md', withTables(text, await limitTables(process.cwd())));
}
