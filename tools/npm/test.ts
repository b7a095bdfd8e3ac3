/**
 * Everything that must hold: lint, then every test file, after the peers that the tests need have been fetched. The
 * last line is `N passed, N failed, N skipped`.
 *
 *     npm test [-- PATH…]          files, or folders of test files; without the lint step
 *     npm test -- --only FOLDER    one folder of test/, such as unit
 *     npm test -- --limit SECONDS  what a file may take before it is killed
 *     npm run test:full            whole matrices instead of pairwise ones (FERRY_TEST_FULL=1)
 *
 * With CI=true a skipped test is a failure.
 */
import { globSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { Report } from './report.ts';
import { runStep } from './step.ts';
import { runTestFile } from './test-file.ts';

const minute = 60_000;
/** What the whole run may take before it says so. */
const budget = 15 * minute;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, full: { type: 'boolean', default: false }, limit: { type: 'string' } },
});
if (values.full) process.env.FERRY_TEST_FULL = '1';

const start = performance.now();
const everything = values.only === undefined && positionals.length === 0;
const files = select();
/** Those with real peers have the machine to themselves: guests need it, and figures are taken while they run. */
const { alone = [], peers = [] } = Object.groupBy(files, (file) =>
  /^test\/(peers|readme|hostile\/python)\//.test(file) ? 'peers' : 'alone',
);
const report = new Report();

if (files.length === 0) report.step('find test files', false);
if (everything) report.step('lint', await runStep('tools/npm/lint.ts'));
if (peers.length > 0) report.step('fetch peers', await runStep('tools/peers/fetch.ts'));
const limit = values.limit === undefined ? undefined : Number(values.limit) * 1000;
await inParallel(2, alone, limit ?? 3 * minute);
await inParallel(1, peers, limit ?? (values.full ? 60 : 8) * minute);

const took = performance.now() - start;
if (everything && !values.full && took > budget) {
  report.note(
    `The run took ${(took / minute).toFixed(1)} min; it is meant to stay within ${budget / minute}`,
  );
}
process.exitCode = (await report.end({ skippedFails: process.env.CI === 'true' })) ? 0 : 1;

function select(): string[] {
  if (values.only !== undefined) positionals.push(`test/${values.only}`);
  const wanted = positionals.length === 0 ? ['test'] : positionals;
  return wanted
    .flatMap((path) => (statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path]))
    .map((path) => relative('', path))
    .sort();
}

async function inParallel(lanes: number, queue: string[], limit: number): Promise<void> {
  const waiting = [...queue];
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const events: TestEvent[] = [];
      await runTestFile(file, limit, (event) => (lanes === 1 ? report.event(event) : events.push(event)));
      for (const event of events) report.event(event);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
