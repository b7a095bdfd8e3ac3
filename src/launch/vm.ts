/** A running QEMU with its sockets, as one thing with an owner. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asError } from '../errors.ts';
import { compareVersions, type Peer } from './peers.ts';
import { type LaunchedProcess, launchProcess } from './process.ts';
import { type QemuMachine, qemuArguments } from './qemu.ts';
import { waitForSocket } from './socket.ts';

export interface VmOptions {
  readonly qemu: Peer;
  readonly machine: QemuMachine;
  /** An existing folder for this machine's sockets and console; its path should be short. */
  readonly folder: string;
  /** Tells machines in one folder apart. */
  readonly name?: string;
  readonly incoming?: string;
  readonly paused?: boolean;
  readonly fds?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Sockets that QEMU listens on: its monitor, and the port of the guest's agent. */
export class VirtualMachine implements AsyncDisposable {
  readonly name: string;
  readonly process: LaunchedProcess;
  readonly qmp: string;
  readonly agent: string;
  readonly #console: string;

  /** Use {@link launchVm}. */
  constructor(name: string, process: LaunchedProcess, folder: string) {
    this.name = name;
    this.process = process;
    this.qmp = join(folder, `${name}.qmp`);
    this.agent = join(folder, `${name}.agent`);
    this.#console = join(folder, `${name}.console`);
  }

  /** What the guest's kernel has said on this machine. */
  async console(): Promise<string> {
    try {
      return await readFile(this.#console, 'utf8');
    } catch (error) {
      return `(no console: ${asError(error).message})`;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}

/** The newest machine type that every QEMU from 10.0 on has, so that a guest may move between them. */
function machineType(qemu: Peer): string {
  return compareVersions(qemu.version, '10.0') >= 0 ? 'pc-q35-10.0' : 'q35';
}

/**
 * Starts a virtual machine, of type `pc-q35-10.0` unless told otherwise and where QEMU has it, and returns when its
 * monitor listens. Vhost-user back ends must be listening before.
 *
 * @throws FerryError ERR_LAUNCH_ENDED with QEMU's words when it does not take its arguments
 */
export async function launchVm(options: VmOptions): Promise<VirtualMachine> {
  const { qemu, machine, folder, name = 'vm', incoming, paused } = options;
  const at = (suffix: string) => join(folder, `${name}.${suffix}`);
  await (await open(at('console'), 'a')).close();
  const process = await launchProcess({
    name: `QEMU ${qemu.version} (${name})`,
    command: [
      ...qemu.command,
      ...qemuArguments(
        { machine: machineType(qemu), ...machine },
        {
          qmp: at('qmp'),
          console: at('console'),
          serial: [at('agent')],
          ...(incoming !== undefined && { incoming }),
          ...(paused !== undefined && { paused }),
        },
      ),
    ],
    env: qemu.env,
    ...(options.fds && { fds: options.fds }),
    ...(options.signal && { signal: options.signal }),
  });
  const vm = new VirtualMachine(name, process, folder);
  try {
    await waitForSocket(vm.qmp, {
      child: process,
      deadline: 20_000,
      ...(options.signal && { signal: options.signal }),
    });
  } catch (error) {
    await process.stop();
    throw error;
  }
  return vm;
}
