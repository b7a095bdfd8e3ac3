import { answerOf } from '../compat/index.ts';
import { compareBroken } from './broken.ts';
import type { CompareQemusOptions, MachineComparison, QemuComparison } from './comparison.ts';
import { compareCpus } from './cpus.ts';
import { formatQemuVersion, type QemuDescription } from './description.ts';
import { compareDevices } from './devices.ts';
import { Gatherer } from './gatherer.ts';
import { compareMachines } from './machines.ts';
import { compareProperties } from './properties.ts';
import { compareQueues } from './queues.ts';
import { compareStates } from './states.ts';

/**
 * Whether VMs can move from the QEMU that `source` describes to that of `destination`, for each machine type. Pure.
 *
 * A yes rests on what both tell without a guest: machine types, devices, their properties as the machine types set them,
 * CPU models and the layouts of device state. State that QEMU describes to nobody (CPUs, memory, timers) is taken to be
 * compatible, as are the sizes of firmware and option ROMs and what else differs between two hosts. Throws `ERR_QEMU_MACHINE` for a machine type that neither has.
 */
export function compareQemus(
  source: QemuDescription,
  destination: QemuDescription,
  options: CompareQemusOptions = {},
): QemuComparison {
  const gatherer = new Gatherer(source, destination, options);
  const { wanted, common } = compareMachines(gatherer, options);
  if (source.target === destination.target) {
    compareDevices(gatherer, common);
    compareBroken(gatherer, common);
    compareCpus(gatherer, common);
    compareProperties(gatherer, common);
    compareQueues(gatherer, common);
    compareStates(gatherer, common);
  }
  const reasons = gatherer.reasons();
  const machines = wanted.map((machine): MachineComparison => {
    const counting = reasons.filter(({ ifUsed, machines }) => !ifUsed && machines.includes(machine));
    return { machine, answer: answerOf(counting) };
  });
  return {
    answer: answerOf(machines),
    source: told(source),
    destination: told(destination),
    machines,
    reasons,
  };
}

/**
 * The answer for a VM of `machine` with devices of these QOM types added, from a comparison that was made without a VM.
 * `destination` or `source` tells what the types are made from.
 */
export function answerWith(
  comparison: QemuComparison,
  machine: string,
  devices: Iterable<string>,
  { types }: Pick<QemuDescription, 'types'>,
): QemuComparison['answer'] {
  const used = new Set<string>();
  for (const device of devices)
    for (let at: string | undefined = device; at !== undefined && !used.has(at); at = types.get(at))
      used.add(at);
  return answerOf(
    comparison.reasons.filter(
      ({ machines, ifUsed, device }) =>
        machines.includes(machine) && (!ifUsed || (device !== undefined && used.has(device))),
    ),
  );
}

function told(description: QemuDescription) {
  return { path: description.path, version: formatQemuVersion(description), package: description.package };
}
