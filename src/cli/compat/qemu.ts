import type { Command } from 'commander';
import { previewMove } from '../../migrate/index.ts';
import { compareQemus, programAt, QemuDescriptions } from '../../qemu-compat/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, type OutputFlags } from './answer.ts';
import { type QemuDocument, renderQemu, vmDocument } from './qemu-report.ts';
import { gather } from './source.ts';

interface QemuFlags extends OutputFlags {
  readonly machine?: readonly string[];
  readonly vm?: string;
}

const HELP = `
A QEMU is a qemu-system program, or a version such as 10.0 of one that is on PATH or in the cache of ferry.

Without --vm every machine type is looked at that the source has: whether a VM with nothing but what the machine brings
along can move, and apart from that which further devices and CPUs could not. The answer is yes when it is yes for all of
them; --machine names those that matter.

With --vm only what this VM uses is looked at, and the answer is about it alone: its machine type, devices and CPUs, what
QEMU itself has against a migration, and what ferry migrate would check. The VM is asked and not touched. The source need
not be named then.

Both programs are started for a moment, without a guest. What QEMU describes to nobody (the state of CPUs, memory, timers)
and what differs between two hosts is not compared.

Examples:
  ferry compat qemu 10.0 11.1 --machine pc-q35-10.0
  ferry compat qemu /opt/qemu-11.1/bin/qemu-system-x86_64 --vm /run/vm.qmp`;

/** `ferry compat qemu`: whether VMs can move from one QEMU to another. */
export function addQemuCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('qemu')
    .summary('say whether VMs can move from one QEMU to another')
    .description(
      'Say whether VMs can move from one QEMU to another: machine types, devices, their properties and states, CPU models.',
    )
    .usage('[options] [source] <destination>')
    .argument('<qemus...>', 'the QEMU to move from, and the one to move to')
    .option('--machine <type>', 'only this machine type, such as pc-q35-10.0; may be repeated', gather)
    .option('--vm <monitor>', 'only what this VM uses: its monitor, unix:PATH, /PATH or tcp:HOST:PORT')
    .addHelpText('after', HELP);
  addOutputOptions(command).action((operands: readonly string[], flags: QemuFlags) =>
    answer<QemuDocument>(command, own, flags, {
      run: async ({ signal }) => {
        const { vm, machine } = flags;
        const qemus = operands.slice(0, operands.length - own.length);
        const least = vm === undefined ? 2 : 1;
        if (qemus.length < least) command.error("error: missing required argument 'destination'");
        if (qemus.length > 2) command.error(`error: too many arguments: '${qemus[2]}'`);
        if (vm !== undefined && machine !== undefined)
          command.error(
            "error: option '--machine' does not go with '--vm': a VM has the machine type that it has",
          );
        const document =
          vm === undefined ? await compareAll(qemus, machine, signal) : await compareVm(qemus, vm, signal);
        return { exit: COMPAT_EXIT[document.answer], document };
      },
      render: renderQemu,
    }),
  );
}

async function compareAll(
  qemus: readonly string[],
  machines: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<QemuDocument> {
  const [source, destination] = await Promise.all(qemus.map((qemu) => programAt(qemu)));
  if (source === undefined || destination === undefined) throw new RangeError('Two QEMUs are compared');
  const [here, there] = await new QemuDescriptions().describeBoth(source, destination, { signal });
  return { ...compareQemus(here, there, machines === undefined ? {} : { machines }), vm: null };
}

async function compareVm(
  qemus: readonly string[],
  monitor: string,
  signal: AbortSignal,
): Promise<QemuDocument> {
  const programs = await Promise.all(qemus.map((qemu) => programAt(qemu)));
  const destination = programs.pop();
  if (destination === undefined) throw new RangeError('A QEMU to move to is needed');
  const [source] = programs;
  const preview = await previewMove({
    monitor,
    destination,
    signal,
    ...(source === undefined ? {} : { source }),
  });
  return { ...preview.comparison, answer: preview.answer, vm: vmDocument(preview) };
}
