/** How many ids a sentence names. */
const NAMED = 3;

/** Ids for a sentence: `host1, host2, host3 and 9 more`. */
export function nameSome(ids: readonly string[]): string {
  const named = ids.slice(0, NAMED).join(', ');
  return ids.length > NAMED ? `${named} and ${ids.length - NAMED} more` : named;
}
