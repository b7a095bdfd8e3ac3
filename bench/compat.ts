import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  buildList,
  type Choice,
  choose,
  formatList,
  initialValues,
  type MigrationInfo,
  type Model,
  Pool,
  prepareCheck,
  rank,
} from '../src/compat/index.ts';
import { documentText, host, type Kind, MODEL, PARAMETERS, RELEASES } from './compat/fleet.ts';
import { median, type Row, row } from './report.ts';

const SIZES = [1_000, 10_000, 100_000] as const;

/** Documents that lie in memory at a time. Those of 100 000 hosts would take gigabytes. */
const BATCH = 1_000;

/** How often the smaller sizes are measured. */
const ROUNDS = 3;

/** A fleet, and how its rows call it. */
interface Fleet {
  readonly kind: Kind;
  /** Whether nothing suits all of them. */
  readonly split: boolean;
  readonly called: string;
}

const RELEASED: Fleet = { kind: 'releases', split: false, called: `${RELEASES} kinds` };
const DISTINCT: Fleet = { kind: 'distinct', split: false, called: 'all distinct' };
const SPLIT: Fleet = { kind: 'distinct', split: true, called: 'all distinct, nothing suits all' };

/** What something costs for fleets of one size after the other, in µs for each host. */
type Cost = (fleet: Fleet, hosts: number) => number;

/** Microseconds that `work` takes. */
function timed(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1000;
}

/** Hosts in batches of fresh objects. */
function* batches({ kind, split }: Fleet, hosts: number): Generator<{ first: number; models: Model[] }> {
  for (let first = 0; first < hosts; first += BATCH)
    yield { first, models: Array.from({ length: BATCH }, (_, i) => host(kind, first + i, split)) };
}

function infoOf(model: Model): MigrationInfo {
  return { models: new Map([[MODEL, model]]) };
}

/** A list that most of a fleet take: what a new device has at its first host. */
function someList() {
  const model = host('releases', 0);
  return buildList(model, initialValues(model));
}

const costOfCheck: Cost = (fleet, hosts) => {
  const check = prepareCheck(someList());
  let spent = 0;
  for (const { models } of batches(fleet, hosts)) {
    const infos = models.map(infoOf);
    spent += timed(() => {
      for (const info of infos) check(info);
    });
  }
  return spent / hosts;
};

/** A pool with such a fleet, and what adding all took. */
function filled(fleet: Fleet, hosts: number): { pool: Pool; spent: number } {
  const pool = new Pool(MODEL);
  let spent = 0;
  for (const { first, models } of batches(fleet, hosts))
    spent += timed(() => {
      for (const [i, model] of models.entries()) pool.add(`host-${first + i}`, model);
    });
  return { pool, spent };
}

const costOfChoice: Cost = (fleet, hosts) => {
  const { pool, spent } = filled(fleet, hosts);
  let choice: Choice | undefined;
  const chosen = timed(() => {
    choice = choose(pool);
  });
  const expected = fleet.split ? 'no' : 'yes';
  if (choice?.answer !== expected) throw new Error(`choose says ${choice?.answer}, expected ${expected}`);
  return (spent + chosen) / hosts;
};

const costOfFind: Cost = ({ kind, split }, hosts) => {
  // What was found is kept, so that hosts of a kind share their documents, as they do when these come from a cache
  const infos = Array.from({ length: RELEASES }, (_, i) => infoOf(host(kind, i, split)));
  const candidates = Array.from({ length: hosts }, (_, i) => ({
    id: `host-${i}`,
    info: infos[i % RELEASES]!,
  }));
  const list = someList();
  return timed(() => rank(list, candidates)) / hosts;
};

/** Microseconds to parse the document of one host of `fleet` as JSON, which is done before anything can be compared. */
function costOfJson({ kind, split }: Fleet): number {
  const texts = Array.from({ length: 200 }, (_, i) => documentText(host(kind, i, split)));
  const round = () =>
    timed(() => {
      for (const text of texts) JSON.parse(text);
    }) / texts.length;
  return median([round(), round(), round()]);
}

/** Microseconds to compare the lists of two hosts as one string, as long as what a host would have to name. */
function costOfStrings(): number {
  const list = formatList(someList());
  const round = () => {
    // Made anew for each, since equal strings that are one object are not looked at
    const others = Array.from({ length: BATCH }, () => Buffer.from(list).toString());
    let same = 0;
    const spent = timed(() => {
      for (const other of others) if (other === list) same++;
    });
    if (same !== others.length) throw new Error('equal lists differ');
    return spent / others.length;
  };
  return median(Array.from({ length: 9 }, round));
}

/** Bytes of heap that a pool of such a fleet keeps for each host. */
function memoryOfPool(fleet: Fleet, hosts: number): number {
  const before = heapInUse();
  const { pool } = filled(fleet, hosts);
  const kept = heapInUse() - before;
  return kept / pool.size;
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('found no collector of garbage');
  collect();
  return process.memoryUsage().heapUsed;
}

/** Rows for each size, beside parsing the same documents, and how the cost grows with the number of hosts. */
function growing(name: string, fleet: Fleet, cost: Cost, onRow: (row: Row) => void): void {
  const json = { name: 'JSON.parse of them', value: costOfJson(fleet) };
  let before: number | undefined;
  cost(fleet, BATCH);
  for (const hosts of SIZES) {
    const rounds = hosts === SIZES.at(-1) ? 1 : ROUNDS;
    const each = median(Array.from({ length: rounds }, () => cost(fleet, hosts)));
    const variant = `${hosts} hosts of ${PARAMETERS} parameters, ${fleet.called}`;
    onRow(row(name, variant, 'µs a host', each, json, true));
    if (before !== undefined)
      onRow(
        row(
          `${name}, growth`,
          `${hosts / 10} to ${hosts} hosts, ${fleet.called}`,
          'times',
          (each * 10) / before,
          { name: 'linear', value: 10 },
          true,
        ),
      );
    before = each;
  }
}

/** Verdicts and choices for a growing fleet, beside what reading its documents costs at the least. */
export function compatRows(wanted: (name: string) => boolean, onRow: (row: Row) => void): void {
  if (wanted('compat/check')) {
    for (const fleet of [RELEASED, DISTINCT]) growing('compat/check', fleet, costOfCheck, onRow);
    const strings = { name: 'one string compare', value: costOfStrings() };
    onRow(
      row(
        'compat/check',
        '10000 hosts, the floor',
        'µs a host',
        costOfCheck(RELEASED, 10_000),
        strings,
        true,
      ),
    );
  }
  if (wanted('compat/find')) growing('compat/find', RELEASED, costOfFind, onRow);
  if (!wanted('compat/choose')) return;
  for (const fleet of [RELEASED, DISTINCT, SPLIT]) growing('compat/choose', fleet, costOfChoice, onRow);
  for (const fleet of [RELEASED, DISTINCT]) {
    const text = { name: 'text of a document', value: documentText(host(fleet.kind, 0)).length };
    onRow(
      row(
        'compat/choose, memory',
        `10000 hosts, ${fleet.called}`,
        'B a host',
        memoryOfPool(fleet, 10_000),
        text,
        true,
      ),
    );
  }
}
