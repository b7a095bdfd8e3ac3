/**
 * Every fuzz target for longer than `npm test` has time for. A case that fails is kept in test/fuzz/cases/, made as small
 * as can be; it fails in every run from then on, until the fault is mended.
 *
 *     npm run fuzz [-- --seconds N] [--only TARGET] [--seed S]
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { Report } from './report.ts';
import { runTestFile } from './test-file.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, only: { type: 'string' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError(`--seconds ${values.seconds} is no time`);

process.env.FERRY_FUZZ_SECONDS = String(seconds);
process.env.FERRY_FUZZ_KEEP = '1';
if (values.seed !== undefined) process.env.FERRY_FUZZ_SEED = values.seed;

const files = globSync('test/fuzz/*.test.ts').sort();
const wanted = files.filter(
  (file) => values.only === undefined || basename(file, '.test.ts') === values.only,
);
const report = new Report();
if (wanted.length === 0) {
  const targets = files.map((file) => basename(file, '.test.ts')).join(', ');
  report.note(`There is no target ${values.only}, only ${targets}`);
}
// A target may set up several processes, and has a while to make its case smaller
for (const file of wanted)
  await runTestFile(file, (4 * seconds + 120) * 1000, (event) => report.event(event));
process.exitCode = (await report.end({ skippedFails: false })) ? 0 : 1;
