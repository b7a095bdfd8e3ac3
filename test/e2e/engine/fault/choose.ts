import { CASES, type Case } from './table.ts';

/** What a case is there for: its phase, its fault, and how it ends. */
function aspectsOf({ phase, fault, expected }: Case): string[] {
  const { source, destination, machine } = expected;
  return [`phase ${phase}`, `fault ${fault}`, `end ${source} ${destination} ${machine}`];
}

/** Few cases in which every phase, every fault and every way to end occur, always the same ones. */
export function chosenCases(): Case[] {
  const missing = new Set(CASES.flatMap(aspectsOf));
  const chosen: Case[] = [];
  while (missing.size > 0) {
    const gain = (one: Case) => aspectsOf(one).filter((aspect) => missing.has(aspect)).length;
    const best = CASES.reduce((before, one) => (gain(one) > gain(before) ? one : before));
    for (const aspect of aspectsOf(best)) missing.delete(aspect);
    chosen.push(best);
  }
  return chosen;
}
