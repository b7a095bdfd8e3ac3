/** What people read of two QEMUs. */
import { ANSWERS, type Answer } from '../../compat/index.ts';
import type { Finding, MovePreview } from '../../migrate/index.ts';
import type { MachineComparison, QemuComparison, QemuReason } from '../../qemu-compat/index.ts';
import { formatFinding } from '../live-view.ts';
import { headline, mark, reasonMark } from './answer.ts';
import { count, firstOf, more, named, type Show } from './table.ts';

/** A VM that runs, and what stands in the way of moving it whatever the destination. */
export interface VmDocument {
  readonly monitor: string;
  readonly name: string | null;
  readonly uuid: string;
  readonly machine: string;
  /** QOM types of its CPUs and of its devices. */
  readonly cpus: readonly string[];
  readonly devices: readonly string[];
  readonly findings: readonly Finding[];
}

export interface QemuDocument extends QemuComparison {
  /** Null: all VMs were looked at. */
  readonly vm: VmDocument | null;
}

export function vmDocument({ monitor, name, uuid, use, findings }: MovePreview): VmDocument {
  const types = (all: Iterable<string>) => [...new Set(all)].sort();
  const devices = types(use.devices.map(({ type }) => type));
  return {
    monitor,
    name: name ?? null,
    uuid,
    machine: use.machine,
    cpus: types(use.cpus),
    devices,
    findings,
  };
}

/** Kinds of reasons in a section, and names in a line, unless all are asked for. */
const MOST_KINDS = 10;
const MOST_NAMES = 6;

/** Notes that are worth reading whatever the VM has. All others are shown when all is asked for. */
const NOTES: ReadonlySet<string> = new Set([
  'machine-alias',
  'machine-end',
  'machine-unversioned',
  'cpu-deprecated',
]);

/** The verdict, the machine types by their answers, what counts for them, and what only some VMs have. */
export function renderQemu(document: QemuDocument, show: Show): string {
  const { answer: said, source, destination, machines, reasons, vm } = document;
  const shown = reasons.filter(({ answer, code }) => show.all || answer !== 'yes' || NOTES.has(code));
  const counting = shown.filter(({ ifUsed }) => !ifUsed);
  const other = shown.filter(({ ifUsed, answer }) => ifUsed && (show.all || answer !== 'yes'));
  const several = machines.length > 1;
  const lines = [
    headline(said, `${whatMoves(document)} from QEMU ${source.version} to QEMU ${destination.version}`),
    ...(vm?.findings ?? []).filter(({ verdict }) => show.all || verdict !== 'ok').map(formatFinding),
    ...machineLines(machines, show),
    ...section(several ? 'What counts for them:' : '', counting, several, show),
    ...section('What counts only for VMs with such a device or CPU:', other, several, show),
  ];
  return `${lines.join('\n')}\n`;
}

function whatMoves({ answer: said, machines, vm }: QemuDocument): string {
  const [only] = machines;
  if (vm !== null) return `${vm.name ?? `The VM of ${vm.monitor}`} (${vm.machine}) ${MOVE[said]}`;
  if (machines.length === 1 && only !== undefined) return `VMs of ${only.machine} ${MOVE[said]}`;
  const able = machines.filter((one) => one.answer === 'yes').length;
  return `${able} of ${count(machines.length, 'machine type')} can move`;
}

const MOVE: Readonly<Record<Answer, string>> = {
  yes: 'can move',
  no: 'cannot move',
  unproven: 'may be able to move',
};

/** Machine types, a line each, or those of one answer in one line. */
function machineLines(machines: readonly MachineComparison[], show: Show): string[] {
  if (machines.length === 1) return [];
  if (show.all || machines.length <= 6)
    return machines.map(({ machine, answer }) => `  ${mark(answer)}  ${machine}`);
  return ANSWERS.flatMap((answer) => {
    const names = machines.filter((one) => one.answer === answer).map(({ machine }) => machine);
    return names.length === 0 ? [] : [`  ${mark(answer)}  ${names.length}: ${ranges(names).join(', ')}`];
  });
}

/** Names of machine types, those of one family as `pc-q35-10.0 … pc-q35-6.0`. */
function ranges(names: readonly string[]): string[] {
  const families = Map.groupBy(names, (name) => /^(.*)-\d+(\.\d+)+$/.exec(name)?.[1] ?? name);
  return [...families.values()].map((members) =>
    members.length < 3 ? members.join(', ') : `${members[0]} … ${members.at(-1)}`,
  );
}

/** Reasons below a title, a line for all of one kind; each has its own when all are asked for. `several`: machine types. */
function section(title: string, reasons: readonly QemuReason[], several: boolean, show: Show): string[] {
  if (reasons.length === 0) return [];
  const kinds = show.all
    ? reasons.map((reason) => [reason])
    : [...Map.groupBy(reasons, ({ code, answer }) => `${answer} ${code}`).values()];
  const { shown, left } = firstOf(kinds, MOST_KINDS, show);
  return [
    ...(title === '' ? [] : ['', title]),
    ...shown.map((kind) => kindLine(kind, several)),
    ...more(left),
  ];
}

/** The first reason of a kind in its own words, the others by what they are about. */
function kindLine(kind: readonly QemuReason[], several: boolean): string {
  const [first, ...others] = kind;
  if (first === undefined) return '';
  const { answer, code, message, remedy, device, machines } = first;
  const about =
    device === undefined || message.includes(device) || !code.startsWith('vmstate') ? '' : `${device}: `;
  const names = [...new Set(others.map(subject))].filter((name) => name !== subject(first));
  const besides = names.length === 0 ? '' : `; likewise ${named(names, undefined, MOST_NAMES)}`;
  const [machine = ''] = machines;
  const only = several && kind.length === 1 && machines.length === 1 && !message.includes(machine);
  const help = remedy === undefined || names.length > 0 ? '' : ` → ${remedy}`;
  return `  ${reasonMark(answer)}  ${about}${message}${only ? ` (${machine})` : ''}${besides}${help}`;
}

function subject({ parameter, device, machines, code }: QemuReason): string {
  return parameter ?? device ?? machines[0] ?? code;
}
