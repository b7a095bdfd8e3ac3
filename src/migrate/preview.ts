import { type Answer, answerOf } from '../compat/index.ts';
import { FerryError } from '../errors.ts';
import {
  compareQemus,
  gatherUse,
  programOf,
  type QemuComparison,
  QemuDescriptions,
  type QemuProgram,
  type VmUse,
} from '../qemu-compat/index.ts';
import { gatherFacts } from './facts.ts';
import { type BackEndInquiry, controlSockets } from './inquiry.ts';
import { TIMINGS } from './options.ts';
import type { Finding } from './precheck/finding.ts';
import { runSourceChecks } from './precheck/run.ts';
import { Side } from './side.ts';

export interface PreviewOptions {
  /** Monitor of the QEMU that runs the guest: `unix:PATH`, `/PATH` or `tcp:HOST:PORT` on this host. */
  readonly monitor: string;
  /** The QEMU that it might move to. */
  readonly destination: QemuProgram;
  /** The program that runs the guest; found by the process behind the monitor unless given. */
  readonly source?: QemuProgram;
  /** Where descriptions of programs are kept, when more VMs than one are looked at. */
  readonly descriptions?: QemuDescriptions;
  /** How Ferry's back ends are spoken with; over their control sockets when absent. */
  readonly backEnds?: BackEndInquiry;
  readonly signal?: AbortSignal;
}

/** Whether a VM that runs could move to a QEMU that was not started for it yet. Plain data, safe for JSON, but for `use`. */
export interface MovePreview {
  /** What the checks and the comparison lead to together. */
  readonly answer: Answer;
  readonly monitor: string;
  readonly name: string | undefined;
  readonly uuid: string;
  /** Those checks of `migrate` that need no destination, among them what QEMU itself has against a migration. */
  readonly findings: readonly Finding[];
  /** What this VM uses of its QEMU, compared with the other one. */
  readonly comparison: QemuComparison;
  readonly use: VmUse;
}

/**
 * Look at a running VM, and at the QEMU it might move to. Nothing is touched: the VM is asked by queries alone, both programs
 * are started without a guest. Throws what connecting throws, `QemuCompatError` when a program cannot be asked, and
 * `ERR_PREVIEW_SOURCE` when the program behind the monitor cannot be told.
 */
export async function previewMove(options: PreviewOptions): Promise<MovePreview> {
  const { monitor, destination, backEnds = controlSockets, descriptions = new QemuDescriptions() } = options;
  const signal = options.signal ?? new AbortController().signal;
  await using side = await Side.connect('source', monitor, TIMINGS, signal);
  const source = await gatherFacts(side, backEnds, signal);
  const program = options.source ?? (await runningProgram(side));
  const [here, there] = await descriptions.describeBoth(program, destination, { signal });
  const use = await gatherUse(side.client, here, there, { signal });
  const findings = runSourceChecks({ source });
  const comparison = compareQemus(here, there, { use });
  const refused = findings.some(({ verdict }) => verdict === 'refuse');
  return {
    answer: answerOf([{ answer: refused ? 'no' : 'yes' }, comparison]),
    monitor: source.monitor,
    name: source.name,
    uuid: source.uuid,
    findings,
    comparison,
    use,
  };
}

async function runningProgram(side: Side): Promise<QemuProgram> {
  const program = side.pid === undefined ? undefined : await programOf(side.pid);
  if (program !== undefined) return program;
  throw new FerryError(
    'ERR_PREVIEW_SOURCE',
    `The program behind ${side.name} cannot be told: its monitor is not a unix socket of this host, or belongs to another user. Name the program`,
  );
}
