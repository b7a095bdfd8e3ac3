/** What can be done on a running source so that a destination takes it: parameters of which only the state's form depends. */
import { listOf, type MigrationList } from './list.ts';
import type { Model } from './model.ts';
import { formatValue } from './value.ts';
import type { Change, Reason } from './verdict.ts';

/** The switches that lift every reason that says no; undefined where one of them cannot be lifted on a running source. */
export function wayOut(reasons: readonly Reason[]): readonly Change[] | undefined {
  const switches = new Map<string, Change>();
  for (const { answer, changes } of reasons) {
    if (answer !== 'no') continue;
    if (!changes?.every(({ live }) => live)) return undefined;
    for (const change of changes) switches.set(change.parameter, change);
  }
  return [...switches.values()];
}

/** The list of the same source once it has been switched. */
export function switched(list: MigrationList, source: Model, changes: readonly Change[]): MigrationList {
  const parameters = new Map(list.parameters);
  for (const { parameter, value } of changes) {
    const off = source.parameters.get(parameter)?.off;
    if (off !== undefined && value === formatValue(off)) parameters.delete(parameter);
    else parameters.set(parameter, value);
  }
  return listOf(list.model, undefined, parameters);
}
