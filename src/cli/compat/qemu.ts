import type { Command } from 'commander';
import { findPeers } from '../../launch/index.ts';
import { compareQemus, describeQemu } from '../../qemu-compat/index.ts';
import { COMPAT_EXIT } from '../exit-codes.ts';
import { addOutputOptions, answer, type OutputFlags } from './answer.ts';
import { chooseQemu, QEMU } from './qemu-binary.ts';
import { type QemuDocument, renderQemu } from './qemu-report.ts';
import { gather } from './source.ts';

interface QemuFlags extends OutputFlags {
  readonly machine?: readonly string[];
}

const HELP = `
Without --vm every machine type is looked at that the source has: whether a VM with nothing but what the machine brings
along can move, and apart from that which further devices could not. The answer is yes when it is yes for all of them;
--machine names the ones that matter.

Both are started for a moment, without a guest. What QEMU describes to nobody (the state of CPUs, memory, timers) and what
differs between two hosts is not compared.`;

/** `ferry compat qemu`: whether VMs can move from one QEMU to another. */
export function addQemuCommand(compat: Command, own: readonly string[]): void {
  const command = compat
    .command('qemu')
    .summary('say whether VMs can move from one QEMU to another')
    .description(
      'Say whether VMs can move from one QEMU to another: machine types, devices, their properties and states, CPU models.',
    )
    .argument('<source>', QEMU)
    .argument('<destination>', 'the other')
    .option('--machine <type>', 'only this machine type, such as pc-q35-10.0; may be repeated', gather)
    .addHelpText('after', HELP);
  addOutputOptions(command).action((source: string, destination: string, flags: QemuFlags) =>
    answer<QemuDocument>(command, own, flags, {
      run: async ({ signal }) => {
        const peers = await findPeers({ signal });
        const programs = [chooseQemu(peers, source), chooseQemu(peers, destination)] as const;
        const [here, there] = await Promise.all([
          describeQemu(programs[0], { signal }),
          describeQemu(programs[1], { signal }),
        ]);
        const { machine: machines } = flags;
        const compared = compareQemus(here, there, machines === undefined ? {} : { machines });
        return { exit: COMPAT_EXIT[compared.answer], document: compared };
      },
      render: renderQemu,
    }),
  );
}
