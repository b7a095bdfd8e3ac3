import type { CompareQemusOptions } from './comparison.ts';
import {
  compareNumbers,
  formatQemuVersion,
  NOT_MOVED,
  type QemuDescription,
  splitMachine,
} from './description.ts';
import { endOfLife, formatRelease, isBefore, whyMissing } from './end-of-life.ts';
import { QemuCompatError } from './errors.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';

/** Machine types by name: which of them are to be compared, and which of these both have. */
export function compareMachines(
  gatherer: Gatherer,
  { machines, use }: CompareQemusOptions,
): { wanted: string[]; common: CommonMachine[] } {
  const { source, destination } = gatherer;
  const names = use === undefined ? machines : [use.machine];
  const wanted = [...new Set(names?.map((name) => resolve(source, destination, name)) ?? movable(source))];
  if (source.target !== destination.target) {
    gatherer.add(wanted, {
      code: 'target',
      answer: 'no',
      have: source.target,
      want: destination.target,
      message: `The source emulates ${source.target}, the destination ${destination.target}`,
      remedy: `Name a qemu-system-${source.target} as destination`,
    });
    return { wanted, common: [] };
  }
  const common: CommonMachine[] = [];
  for (const name of wanted) {
    const [here, there] = [source.machines.get(name), destination.machines.get(name)];
    if (there === undefined) missing(gatherer, name);
    else common.push({ name, here: here ?? there, there });
  }
  for (const { name } of common) warnOfEnd(gatherer, name);
  compareAliases(gatherer, wanted);
  withoutVersion(gatherer, common);
  unseen(gatherer, common);
  untold(gatherer, common);
  return { wanted, common };
}

function movable(source: QemuDescription): string[] {
  return [...source.machines.keys()].filter((name) => !NOT_MOVED.has(name)).toSorted(byVersion);
}

/** Families in the order of their names, newest first. */
function byVersion(a: string, b: string): number {
  const [left, right] = [splitMachine(a), splitMachine(b)];
  if (left.family !== right.family) return left.family < right.family ? -1 : 1;
  return compareNumbers(right.version ?? [], left.version ?? []);
}

/** The machine type that the source means by `name`, which may be an alias. */
function resolve(source: QemuDescription, destination: QemuDescription, name: string): string {
  if (source.machines.has(name)) return name;
  const aliased = [...source.machines.values()].find(({ alias }) => alias === name);
  if (aliased !== undefined) return aliased.name;
  if (destination.machines.has(name)) return name;
  throw new QemuCompatError(
    'ERR_QEMU_MACHINE',
    `Neither QEMU ${formatQemuVersion(source)} nor QEMU ${formatQemuVersion(destination)} has a machine type ${name}`,
  );
}

function missing(gatherer: Gatherer, machine: string): void {
  const { destination } = gatherer;
  gatherer.add([machine], {
    code: 'machine-missing',
    answer: 'no',
    parameter: machine,
    have: machine,
    message: `QEMU ${formatQemuVersion(destination)} has no ${machine}${whyMissing(machine, destination)}`,
    remedy:
      'Choose a QEMU that has it: a machine type is for the life of a VM, until it is started anew with another',
  });
}

function warnOfEnd(gatherer: Gatherer, machine: string): void {
  const { destination } = gatherer;
  const end = endOfLife(machine);
  if (end === undefined || !(destination.machines.get(machine)?.deprecated ?? false)) return;
  const late = !isBefore(destination.version, end.leaves);
  gatherer.add([machine], {
    code: 'machine-end',
    answer: 'yes',
    parameter: machine,
    message: `${machine} is deprecated since QEMU ${formatRelease(end.deprecated)} and ${late ? 'was to leave' : 'leaves'} in release ${formatRelease(end.leaves)}`,
    remedy: 'Give the VM a newer machine type when it is next started anew',
  });
}

/** What `pc` and `q35` mean is another machine type in every release. */
function compareAliases(gatherer: Gatherer, wanted: readonly string[]): void {
  const there = new Map(
    [...gatherer.destination.machines.values()].map((machine) => [machine.alias, machine.name]),
  );
  for (const { name, alias } of gatherer.source.machines.values()) {
    const other = there.get(alias);
    if (alias === undefined || other === undefined || other === name || !wanted.includes(name)) continue;
    gatherer.add([name], {
      code: 'machine-alias',
      answer: 'yes',
      parameter: alias,
      have: name,
      want: other,
      message: `${alias} is ${name} at the source and ${other} at the destination`,
      remedy: `Start the destination with -machine ${name}`,
    });
  }
}

function withoutVersion(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  if (formatQemuVersion(gatherer.source) === formatQemuVersion(gatherer.destination)) return;
  for (const { name } of common) {
    if (splitMachine(name).version !== undefined) continue;
    gatherer.add([name], {
      code: 'machine-unversioned',
      answer: 'yes',
      parameter: name,
      message: `${name} has no versions: QEMU does not keep it the same from release to release`,
    });
  }
}

/** Without a VM, reasons count by what a machine brings along. */
function unseen(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  if (gatherer.use !== undefined) return;
  for (const { name } of common) {
    if (gatherer.source.builtIn.has(splitMachine(name).family)) continue;
    gatherer.add([name], {
      code: 'machine-unseen',
      answer: 'unproven',
      parameter: name,
      message: `What ${name} brings along could not be seen: it does not start by itself, or there are too many kinds of machines`,
      remedy: 'Look at a VM that runs, by its monitor',
    });
  }
}

/** Without compatibility properties of either side nothing is known about defaults. */
function untold(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  for (const { side, description } of [
    { side: 'source', description: gatherer.source },
    { side: 'destination', description: gatherer.destination },
  ]) {
    if (description.tellsCompat) continue;
    gatherer.add(
      common.map(({ name }) => name),
      {
        code: 'compat-unknown',
        answer: 'unproven',
        message: `The ${side}, QEMU ${formatQemuVersion(description)}, does not tell what its machine types set: that came with 9.1`,
        remedy: 'Rehearse the move, or give every device its properties on both sides',
      },
    );
  }
}
