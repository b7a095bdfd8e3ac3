/** One broken rule at one place. A warning is a question to the author; an error fails the check. */
export interface Finding {
  readonly path: string;
  /** Counted from one. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

/** `path:line rule: message`, as editors and terminals make it clickable. */
export function describeFinding(finding: Finding): string {
  const mark = finding.severity === 'error' ? '' : 'warning: ';
  return `${finding.path}:${finding.line} ${mark}${finding.message} [${finding.rule}]`;
}
