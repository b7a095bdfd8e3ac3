import { cpus, totalmem } from 'node:os';

/** One line of the report: the same work done by Ferry and by a named peer in the same run. */
export type Row = {
  /** What was done, e.g. `fuse/READ 4 KiB`; `--only` matches the start of this. */
  readonly name: string;
  /** How, e.g. `spinning, depth 16`. */
  readonly variant: string;
  readonly unit: string;
  readonly ferry: number;
  readonly peer: string;
  readonly peerValue: number;
  /** Ferry against the peer; above 1 is Ferry ahead, whichever way the unit counts. */
  readonly ratio: number;
};

/** A row from two figures; `lowerIsBetter` for latencies. */
export function row(
  name: string,
  variant: string,
  unit: string,
  ferry: number,
  peer: { name: string; value: number },
  lowerIsBetter = false,
): Row {
  const ratio = lowerIsBetter ? peer.value / ferry : ferry / peer.value;
  return { name, variant, unit, ferry, peer: peer.name, peerValue: peer.value, ratio };
}

/** The machine the figures come from, in a few words. */
export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}, ${memory} GiB, Node ${process.versions.node}`;
}

/** The middle of several measurements, which one disturbed run does not move. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)}k`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)}k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** The rows as a table for people. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['what', 'how', 'unit', 'Ferry', 'peer', '', 'ratio'],
    ...rows.map((r) => [
      r.name,
      r.variant,
      r.unit,
      short(r.ferry),
      r.peer,
      short(r.peerValue),
      r.ratio.toFixed(2),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) =>
      line.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    )
    .join('\n');
}
