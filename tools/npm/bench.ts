/**
 * `npm run bench`: Ferry beside named peers, in one run.
 *
 *     npm run bench -- [--only NAME] [--json]
 *
 * `--only fuse/READ` takes the rows whose names start so; `--json` prints a line for each row and a summary line last.
 */
import { parseArgs } from 'node:util';
import { blkRows } from '../../bench/blk.ts';
import { compatRows } from '../../bench/compat.ts';
import { engineRows } from '../../bench/engine.ts';
import { fuseRows } from '../../bench/fuse.ts';
import { machine, type Row, table } from '../../bench/report.ts';
import { stateRows } from '../../bench/state.ts';
import { vmstateRows } from '../../bench/vmstate.ts';
import { cacheFolder } from '../../src/launch/index.ts';
import { pinThread } from '../../src/sys/index.ts';
import { fetchPeers } from '../peers/fetch.ts';

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const { only = '', json } = values;
const wanted = (name: string) => name.startsWith(only);

await fetchPeers({ cache: cacheFolder(), log: (line) => process.stderr.write(`peers: ${line}\n`) });
pinThread(0);
const rows: Row[] = [];
const take = (row: Row) => {
  rows.push(row);
  if (json) process.stdout.write(`${JSON.stringify({ type: 'row', ...row })}\n`);
  else process.stderr.write(`${row.name}, ${row.variant}: ${row.ratio.toFixed(2)} of ${row.peer}\n`);
};
await fuseRows(wanted, take);
await blkRows(wanted, take);
await stateRows(wanted, take);
await engineRows(wanted, take);
compatRows(wanted, take);
await vmstateRows(wanted, take);
if (rows.length === 0) {
  process.stderr.write(`No row starts with ${JSON.stringify(only)}\n`);
  process.exitCode = 2;
}
const worst = rows.toSorted((a, b) => a.ratio - b.ratio)[0];
const summary = {
  rows: rows.length,
  ahead: rows.filter(({ ratio }) => ratio >= 1).length,
  worst,
  machine: machine(),
};
if (json) process.stdout.write(`${JSON.stringify({ type: 'summary', ...summary })}\n`);
else
  process.stdout.write(
    `${table(rows)}\n\n${summary.ahead} of ${summary.rows} rows ahead of their peer, on ${machine()}\n`,
  );
