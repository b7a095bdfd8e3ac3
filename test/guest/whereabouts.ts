import assert from 'node:assert/strict';
import { type VirtualMachine, waitForSocket } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';

/** For `bootGuest`: a second monitor for each machine, so that the first one stays Ferry's. */
export function secondMonitor(path: string): readonly string[] {
  return ['-qmp', `unix:${path}.spy,server=on,wait=off`];
}

interface Stay {
  readonly machine: string;
  /** Seconds, as QEMU stamps its events. */
  readonly from: number;
  until: number;
}

/**
 * Where a guest runs at any time, by QEMU's own word: each machine tells when it starts and stops the guest, all by the same
 * clock. In a machine that has ended nothing runs.
 */
export class Whereabouts implements AsyncDisposable {
  readonly #stays: Stay[] = [];
  readonly #monitors = new Map<VirtualMachine, QmpClient>();
  readonly #listening: Promise<void>[] = [];

  /** Follow a machine from now on. */
  async follow(machine: VirtualMachine): Promise<void> {
    const path = machine.qmp.replace(/\.qmp$/, '.spy');
    await waitForSocket(path, { child: machine.process });
    const client = await QmpClient.connect(path);
    this.#monitors.set(machine, client);
    this.#listening.push(this.#listen(machine.name, client));
    if ((await client.execute('query-status')).running) this.#starts(machine.name, 0);
  }

  /** The second monitor of a machine that is followed. */
  monitor(machine: VirtualMachine): QmpClient {
    const client = this.#monitors.get(machine);
    assert.ok(client !== undefined, `${machine.name} is not followed`);
    return client;
  }

  /** QEMU's word for the guest's state there; `ended` where the process has. */
  async status(machine: VirtualMachine): Promise<string> {
    const client = this.monitor(machine);
    try {
      return (await client.execute('query-status')).status;
    } catch (error) {
      if (client.isClosed) return 'ended';
      throw error;
    }
  }

  /** Throws where the guest has run at two places at one time. */
  assertOnce(): void {
    for (const [index, stay] of this.#stays.entries())
      for (const other of this.#stays.slice(index + 1))
        assert.ok(
          stay.until <= other.from || other.until <= stay.from,
          `the guest ran twice: ${JSON.stringify(this.#stays)}`,
        );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#monitors.values()) await client[Symbol.asyncDispose]();
    await Promise.all(this.#listening);
  }

  async #listen(machine: string, client: QmpClient): Promise<void> {
    using events = client.events(['STOP', 'RESUME']);
    try {
      for await (const { name, seconds } of events)
        if (name === 'RESUME') this.#starts(machine, seconds);
        else this.#stops(machine, seconds);
    } catch (error) {
      if (!client.isClosed) throw error;
      this.#stops(machine, Date.now() / 1000);
    }
  }

  #starts(machine: string, from: number): void {
    const runs = this.#stays.some((stay) => stay.machine === machine && stay.until === Infinity);
    if (!runs) this.#stays.push({ machine, from, until: Infinity });
  }

  #stops(machine: string, until: number): void {
    for (const stay of this.#stays) if (stay.machine === machine) stay.until = Math.min(stay.until, until);
  }
}
