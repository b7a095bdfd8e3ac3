/** The rules that need a file's syntax tree. */
import { posix } from 'node:path';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isClassDeclaration,
  isExportDeclaration,
  isFunctionDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedExports,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import type { Finding } from './finding.ts';
import { placeOf } from './floors.ts';
import { checkImport } from './imports.ts';

const questionLines = 300;
const mostLines = 500;

type Report = (node: Node | number, rule: string, message: string, severity?: Finding['severity']) => void;

/**
 * What the door at `path` passes on, as `file#name`: these names are public, whichever file they stand in.
 */
export function publishedBy(path: string, file: SourceFile): string[] {
  return file.statements.flatMap((statement) => {
    if (!isExportDeclaration(statement) || !statement.exportClause) return [];
    const { exportClause, moduleSpecifier } = statement;
    if (!moduleSpecifier || !isStringLiteral(moduleSpecifier) || !isNamedExports(exportClause)) return [];
    const target = posix.join(posix.dirname(path), moduleSpecifier.text);
    return exportClause.elements.map((element) => `${target}#${(element.propertyName ?? element.name).text}`);
  });
}

/** Findings in one file; `path` is relative to the repository, `published` holds the public names of all rooms. */
export function checkSource(path: string, file: SourceFile, published: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (at, rule, message, severity = 'error') => {
    const position = typeof at === 'number' ? at : at.getStart(file);
    const line = file.getLineAndCharacterOfPosition(position).line + 1;
    findings.push({ path, line, rule, message, severity });
  };
  checkText(path, file, report);
  if (path.startsWith('src/')) checkRoom(path, file, published, report);
  walk(file, (node) => {
    for (const specifier of importedBy(node)) {
      // A test may have to look behind a door: that is a question, not an error
      const severity = path.startsWith('test/') ? 'warning' : 'error';
      for (const { rule, message } of checkImport(path, specifier)) report(node, rule, message, severity);
    }
    checkNode(path, node, report);
  });
  return findings;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

function importedBy(node: Node): string[] {
  if ((isImportDeclaration(node) || isExportDeclaration(node)) && node.moduleSpecifier) {
    return isStringLiteral(node.moduleSpecifier) ? [node.moduleSpecifier.text] : [];
  }
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    return node.arguments.filter((argument) => isStringLiteral(argument)).map((argument) => argument.text);
  }
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument) && isStringLiteral(node.argument.literal)) {
    return [node.argument.literal.text];
  }
  return [];
}

function checkText(path: string, file: SourceFile, report: Report): void {
  const lines = file.getLineStarts().length - 1;
  if (lines > mostLines) report(0, 'length', `${lines} lines, at most ${mostLines}`);
  else if (lines > questionLines && path.startsWith('src/'))
    report(0, 'length', `${lines} lines: one file or two?`, 'warning');
  for (const match of file.text.matchAll(/\b(?:TODO|FIXME|XXX)\b|@ts-(?:ignore|nocheck|expect-error)/g)) {
    if (!path.startsWith('tools/layers/')) report(match.index, 'leftover', `${match[0]} in the code`);
  }
}

function checkRoom(path: string, file: SourceFile, published: ReadonlySet<string>, report: Report): void {
  const under = path.slice(4);
  const place = placeOf(under);
  if (place === undefined) {
    if (under.includes('/')) report(0, 'room', 'No floor of tools/layers/floors.ts knows this folder');
    return;
  }
  const door = place.file === 'index.ts';
  for (const statement of file.statements) {
    const passesOn = isExportDeclaration(statement) && statement.moduleSpecifier !== undefined;
    if (door && (!passesOn || statement.exportClause === undefined)) {
      report(statement, 'door', 'A door holds named re-exports and nothing else');
    }
    if (!door && passesOn) report(statement, 'barrel', 'Only the door index.ts exports from other files');
    const named = isFunctionDeclaration(statement) || isClassDeclaration(statement);
    if (!named || !published.has(`${path}#${statement.name?.text}`)) continue;
    const before = file.text.slice(statement.pos, statement.getStart(file));
    if (!before.includes('/**'))
      report(statement, 'comment', `${statement.name?.text} is public and has no doc comment`);
  }
}

function checkNode(path: string, node: Node, report: Report): void {
  switch (node.kind) {
    case SyntaxKind.AnyKeyword:
      report(node, 'any', '`any` switches the type check off; use `unknown` and a decoder');
      break;
    case SyntaxKind.EnumDeclaration:
      report(node, 'enum', 'An enum cannot be stripped; use a constant object and its key type');
      break;
    case SyntaxKind.ExportAssignment:
    case SyntaxKind.DefaultKeyword:
      report(node, 'default', 'No default exports: a thing has one name everywhere');
      break;
    default:
      if (path.startsWith('test/')) checkTest(node, report);
  }
}

/** A test may say at run time why it cannot run here (`t.skip(reason)`), but none is switched off in the source. */
function checkTest(node: Node, report: Report): void {
  const switches: readonly string[] = ['skip', 'only', 'todo'];
  if (!isCallExpression(node)) return;
  const callee = node.expression;
  const declares = (at: Node) => isIdentifier(at) && /^(test|it|describe|suite)$/.test(at.text);
  if (isPropertyAccessExpression(callee) && switches.includes(callee.name.text)) {
    if (declares(callee.expression)) report(node, 'skipped', `${callee.name.text} switches tests off`);
  }
  if (!declares(callee)) return;
  for (const options of node.arguments.filter((argument) => isObjectLiteralExpression(argument))) {
    for (const property of options.properties) {
      if (!isPropertyAssignment(property) || !isIdentifier(property.name)) continue;
      const value = property.initializer;
      const fixed = isStringLiteral(value) || value.kind === SyntaxKind.TrueKeyword;
      if (fixed && switches.includes(property.name.text)) {
        report(property, 'skipped', `${property.name.text} switches tests off`);
      }
    }
  }
}
