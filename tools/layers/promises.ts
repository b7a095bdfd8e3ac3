/** The rule that needs types: a promise that nobody awaits loses its error. */
import { type Expression, type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExpressionStatement,
  isIdentifier,
  isPropertyAccessExpression,
  isVoidExpression,
} from 'typescript/unstable/ast/is';
import type { Checker, Type } from 'typescript/unstable/sync';
import type { Finding } from './finding.ts';

/** Statements of `file` whose value is a promise that is neither awaited, returned nor given a handler. */
export function checkPromises(path: string, file: SourceFile, checker: Checker): Finding[] {
  const dropped: Expression[] = [];
  collect(file, dropped);
  const types = dropped.length === 0 ? [] : checker.getTypeAtLocation(dropped);
  return dropped.flatMap((expression, at) => {
    if (!isPromise(types[at])) return [];
    const line = file.getLineAndCharacterOfPosition(expression.getStart(file)).line + 1;
    const message = 'A promise that nobody waits for: await it, return it or give it .catch';
    return [{ path, line, rule: 'promise', message, severity: 'error' as const }];
  });
}

function collect(node: Node, into: Expression[]): void {
  if (isExpressionStatement(node)) {
    let value = node.expression;
    if (isVoidExpression(value)) value = value.expression;
    const kept = value.kind === SyntaxKind.AwaitExpression || value.kind === SyntaxKind.BinaryExpression;
    if (!kept && !handled(value)) into.push(value);
  }
  node.forEachChild((child) => collect(child, into));
}

/** The runner waits for what `test()` and its like return; `.catch` and two-handed `.then` take the error. */
function handled(value: Expression): boolean {
  if (!isCallExpression(value)) return false;
  const callee = value.expression;
  if (isIdentifier(callee))
    return /^(test|it|describe|suite|before|after|beforeEach|afterEach)$/.test(callee.text);
  if (!isPropertyAccessExpression(callee)) return false;
  return callee.name.text === 'catch' || (callee.name.text === 'then' && value.arguments.length === 2);
}

function isPromise(type: Type | undefined): boolean {
  if (type === undefined) return false;
  if (type.isUnionType()) return type.getTypes().some(isPromise);
  return type.getSymbol()?.name === 'Promise';
}
