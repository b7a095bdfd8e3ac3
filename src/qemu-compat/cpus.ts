import { type CpuModel, formatQemuVersion } from './description.ts';
import type { CommonMachine, Gatherer } from './gatherer.ts';

/** CPU models by name. Their properties are compared with those of all devices. */
export function compareCpus(gatherer: Gatherer, common: readonly CommonMachine[]): void {
  const machines = common.map(({ name }) => name);
  for (const cpu of gatherer.source.cpus.values()) {
    if (!gatherer.concerns(cpu.type)) continue;
    const there = gatherer.destination.cpus.get(cpu.name);
    if (there === undefined) missing(gatherer, machines, cpu);
    else compareModel(gatherer, machines, cpu, there);
  }
}

function missing(gatherer: Gatherer, machines: readonly string[], { name, type }: CpuModel): void {
  gatherer.add(machines, {
    code: 'cpu-missing',
    answer: 'no',
    device: type,
    parameter: name,
    have: name,
    message: `QEMU ${formatQemuVersion(gatherer.destination)} has no CPU model ${name}`,
    remedy: 'Start the VM anew with a model that both have',
  });
}

function compareModel(
  gatherer: Gatherer,
  machines: readonly string[],
  here: CpuModel,
  there: CpuModel,
): void {
  const { name, type: device } = here;
  if (here.migrationSafe === false) {
    gatherer.add(machines, {
      code: 'cpu-host',
      answer: 'unproven',
      device,
      parameter: name,
      message: `CPU model ${name} means what its host and its QEMU can do, on each side`,
      remedy: 'Use a named model that both hosts can give',
    });
    return;
  }
  if (here.aliasOf !== there.aliasOf)
    gatherer.add(machines, {
      code: 'cpu-alias',
      answer: 'unproven',
      device,
      parameter: name,
      have: here.aliasOf ?? name,
      want: there.aliasOf ?? name,
      message: `CPU model ${name} stands for ${here.aliasOf ?? name} at the source, for ${there.aliasOf ?? name} at the destination`,
      remedy: `Start the destination with -cpu ${here.aliasOf ?? name}`,
    });
  const lost = there.unavailable.filter((feature) => !here.unavailable.includes(feature));
  if (lost.length > 0)
    gatherer.add(machines, {
      code: 'cpu-features',
      answer: 'unproven',
      device,
      parameter: name,
      have: lost.join(', '),
      message: `Without a guest, the destination cannot give all features of CPU model ${name} that the source gives: ${lost.join(', ')}`,
      remedy: `Switch them off on both sides: -cpu ${[name, ...lost.map((feature) => `${feature}=off`)].join(',')}`,
    });
  if (there.deprecated && !here.deprecated)
    gatherer.add(machines, {
      code: 'cpu-deprecated',
      answer: 'yes',
      device,
      parameter: name,
      message: `CPU model ${name} is deprecated in QEMU ${formatQemuVersion(gatherer.destination)}`,
    });
}
