import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  chooseKernel,
  type FsDevice,
  GuestAgent,
  guestAppend,
  launchVm,
  type Peer,
  type QemuMachine,
  type VirtualMachine,
} from '../../src/launch/index.ts';
import { testPeers } from './peers.ts';

/** For `further`: vhost-user-fs with packed virtqueues and two request queues. */
export const PACKED_FS: readonly string[] = [
  ...['-global', 'vhost-user-fs-device.packed=on'],
  ...['-global', 'vhost-user-fs-device.num-request-queues=2'],
];

export interface GuestOptions {
  readonly qemu: Peer;
  /** Beginning of a kernel release; the newest unless given. */
  readonly kernel?: string;
  readonly fs?: readonly FsDevice[];
  /** MiB; 256 unless given. */
  readonly memory?: number;
  readonly cpus?: number;
  readonly machine?: string;
  /** Further arguments of QEMU; where they tell this guest's machines apart, from a path that is the machine's own. */
  readonly further?: readonly string[] | ((path: string) => readonly string[]);
  /** Further words of the kernel's command line. */
  readonly append?: string;
  /** When this test fails, the consoles and QEMU's words are printed. */
  readonly test?: TestContext;
}

/** A guest, the machines that it may run on, and its agent. Disposing of it ends all of them. */
export class Guest implements AsyncDisposable {
  readonly agent = new GuestAgent();
  /** Where this guest's machines have their sockets; removed at the end. */
  readonly folder: string;
  readonly options: GuestOptions;
  /** Every machine that was started for this guest, the first one at 0. */
  readonly machines: VirtualMachine[] = [];
  /** Milliseconds from starting QEMU to the agent's first word. */
  bootTime = 0;
  #lastWords = '';

  constructor(folder: string, options: GuestOptions) {
    this.folder = folder;
    this.options = options;
    options.test?.after(() => {
      if (options.test?.passed === false) process.stderr.write(`${this.#lastWords}\n`);
    });
  }

  /** What the machines and their kernels have said. */
  async explanation(): Promise<string> {
    const parts = [`agent: ${this.agent.hellos.length} boots, ${this.agent.damagedLines} damaged lines\n`];
    for (const { name, process: qemu } of this.machines) {
      parts.push(`--- QEMU ${name}: ${JSON.stringify(qemu.exit ?? 'running')}\n${qemu.tail}`);
    }
    for (const machine of this.machines) {
      parts.push(`--- console of ${machine.name}\n${(await machine.console()).slice(-8000)}`);
    }
    return parts.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lastWords = await this.explanation();
    await this.agent[Symbol.asyncDispose]();
    for (const machine of this.machines) await machine[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Boots a guest and returns when its agent answers. Back ends of `fs` must be listening. */
export async function bootGuest(options: GuestOptions): Promise<Guest> {
  const guest = new Guest(await mkdtemp(join(tmpdir(), 'ferry-guest-')), options);
  const start = performance.now();
  try {
    const machine = await launch(guest, options.qemu, options.fs ?? [], {});
    const ended = machine.process.exited.then(() => machine.process.failure());
    await guest.agent.booted({ while: ended });
  } catch (error) {
    const explanation = await guest.explanation();
    await guest[Symbol.asyncDispose]();
    throw new Error(`The guest did not boot\n${explanation}`, { cause: error });
  }
  guest.bootTime = performance.now() - start;
  return guest;
}

/**
 * Starts the machine that the guest is to move to: the same devices behind `fs`, paused, waiting for a migration. The
 * agent listens to it too, so that nothing has to be done when the guest has moved.
 */
export async function startDestination(
  guest: Guest,
  options: { qemu: Peer; fs?: readonly FsDevice[]; incoming?: string },
): Promise<VirtualMachine> {
  const { qemu, fs = [], incoming = 'defer' } = options;
  return launch(guest, qemu, fs, { incoming, paused: true });
}

async function launch(
  guest: Guest,
  qemu: Peer,
  fs: readonly FsDevice[],
  start: { incoming?: string; paused?: boolean },
): Promise<VirtualMachine> {
  const peers = await testPeers();
  const { memory = 256, cpus, machine, further, append = '', kernel } = guest.options;
  const name = `vm${guest.machines.length}`;
  const own = typeof further === 'function' ? further(join(guest.folder, name)) : further;
  const description: QemuMachine = {
    memory,
    fs,
    kernel: {
      image: chooseKernel(peers, kernel).image,
      initramfs: peers.initramfs,
      append: `${guestAppend} ${append}`,
    },
    ...(cpus !== undefined && { cpus }),
    ...(machine !== undefined && { machine }),
    ...(own !== undefined && { further: own }),
  };
  const vm = await launchVm({
    qemu,
    machine: description,
    folder: guest.folder,
    name,
    ...start,
  });
  guest.machines.push(vm);
  await guest.agent.attach(vm.agent, { child: vm.process });
  return vm;
}
