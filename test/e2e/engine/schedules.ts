/** What tests with seeds have in common: which seeds are run, and how a failure names its own. */

const FULL = process.env.FERRY_TEST_FULL === '1';

/**
 * The seeds of a test: `fixed` of them from 1 on, `fresh` ones that nobody has seen, ten times as many in a full run; or the
 * one that FERRY_SCHEDULE_SEED says.
 */
export function seeds(fixed: number, fresh: number): number[] {
  const { FERRY_SCHEDULE_SEED: one } = process.env;
  if (one !== undefined) return [Number(one)];
  const times = FULL ? 10 : 1;
  const known = Array.from({ length: fixed * times }, (_, i) => i + 1);
  const unknown = Array.from({ length: fresh * times }, () => 1000 + Math.floor(Math.random() * 2 ** 30));
  return [...known, ...unknown];
}

/** Run schedule `seed`: what it throws says which it was. */
export async function attempt(seed: number, described: unknown, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`FERRY_SCHEDULE_SEED=${seed}, ${JSON.stringify(described)}: ${why}`, { cause: error });
  }
}
