import assert from 'node:assert/strict';
import { constants as files } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { choosePeer, type Peer, type VirtualMachine } from '../../../src/launch/index.ts';
import {
  type MigrateOptions,
  type MigrateTimings,
  migrate,
  type PhaseName,
  type Verdict,
} from '../../../src/migrate/index.ts';
import {
  bootGuest,
  type FerryOptions,
  type FerryProcess,
  type Guest,
  launchFerry,
  Relay,
  secondMonitor,
  startDestination,
  type Taps,
  testPeers,
  Whereabouts,
} from '../../guest/index.ts';
import { Churn } from '../kept/churn.ts';

const { O_CREAT, O_RDWR } = files;

/** Little patience where a test has to wait for its end. */
const QUICK: Partial<MigrateTimings> = { reconnectMs: 500, quitMs: 1_000 };

/** Milliseconds for something that has nothing left to wait for. */
const PATIENCE = 20_000;

/** For a test of one attempt: whatever goes wrong, it has an end. */
export const LIMIT = { timeout: 60_000 };

/** A machine and its device's process. */
export interface Place {
  readonly machine: VirtualMachine;
  readonly ferry: FerryProcess;
}

/** One attempt to move the guest, while it is under way. */
export interface Attempt {
  readonly here: Place;
  readonly there: Place;
  readonly relay: Relay;
}

export interface AttemptOptions {
  /** QEMU's version at the destination; that of the source unless given. */
  readonly to?: string;
  readonly taps?: (attempt: () => Attempt) => Taps;
  /** What is done the moment a phase begins. */
  readonly at?: Partial<Record<PhaseName, (attempt: Attempt) => void>>;
  readonly options?: Partial<MigrateOptions>;
  /** The destination's device. */
  readonly ferry?: FerryOptions;
}

export interface WorldOptions {
  /** Bytes that the device holds besides what the guest works on. */
  readonly bulk?: number;
  /** The source's device. */
  readonly ferry?: FerryOptions;
  readonly test?: TestContext;
}

/** A guest at work on its files at one place, and attempts to move it that go wrong. */
export class FaultWorld implements AsyncDisposable {
  readonly guest: Guest;
  readonly whereabouts: Whereabouts;
  readonly churn: Churn;
  here: Place;
  readonly #resources: AsyncDisposableStack;
  readonly #version: string;

  private constructor(
    resources: AsyncDisposableStack,
    version: string,
    parts: { guest: Guest; whereabouts: Whereabouts; churn: Churn; here: Place },
  ) {
    this.#resources = resources;
    this.#version = version;
    this.guest = parts.guest;
    this.whereabouts = parts.whereabouts;
    this.churn = parts.churn;
    this.here = parts.here;
  }

  /** Boot a guest under QEMU `version` and put it to work. */
  static async start(version: string, options: WorldOptions = {}): Promise<FaultWorld> {
    const { bulk = 0, ferry: device, test } = options;
    await using stack = new AsyncDisposableStack();
    const ferry = stack.use(await launchFerry(device));
    const guest = stack.use(
      await bootGuest({
        qemu: await qemu(version),
        fs: [ferry.fs],
        memory: 192,
        further: secondMonitor,
        ...(test === undefined ? {} : { test }),
      }),
    );
    const whereabouts = stack.use(new Whereabouts());
    const machine = guest.machines[0]!;
    await whereabouts.follow(machine);
    await guest.agent.call('mount', ['virtiofs', 'ferry', '/mnt']);
    if (bulk > 0) {
      await guest.agent.call('open', [1, '/mnt/bulk', O_RDWR | O_CREAT]);
      await guest.agent.call('fill', [1, 0, bulk, 1]);
    }
    const churn = await Churn.begin(guest.agent, '/mnt/work');
    await guest.agent.beatEvery(20);
    return new FaultWorld(stack.move(), version, { guest, whereabouts, churn, here: { machine, ferry } });
  }

  /** Try to move the guest to a new machine with a new device, which `judge` looks at before both are ended. */
  async attempt(
    options: AttemptOptions,
    judge: (verdict: Verdict, attempt: Attempt) => Promise<void>,
  ): Promise<void> {
    const { at = {}, options: further } = options;
    await this.prepare(options, async (attempt) => {
      const verdict = await migrate({
        source: attempt.here.machine.qmp,
        destination: attempt.there.machine.qmp,
        uri: attempt.relay.uri,
        ...further,
        timings: { ...QUICK, ...further?.timings },
        onEvent: (event) => {
          if (event.type === 'phase') at[event.phase]?.(attempt);
          further?.onEvent?.(event);
        },
      });
      await judge(verdict, attempt);
    });
  }

  /** Have a new machine with a new device wait for the guest, behind a relay. */
  async prepare(
    { to = this.#version, taps, ferry: device }: AttemptOptions,
    use: (attempt: Attempt) => Promise<void>,
  ): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const ferry = stack.use(await launchFerry(device));
    const machine = stack.use(await startDestination(this.guest, { qemu: await qemu(to), fs: [ferry.fs] }));
    await this.whereabouts.follow(machine);
    const { folder } = this.guest;
    const incoming = join(folder, `${machine.name}.incoming`);
    await this.whereabouts
      .monitor(machine)
      .execute('migrate-incoming', { uri: `unix:${incoming}`, 'exit-on-error': false });
    const path = join(folder, `${machine.name}.relay`);
    const relay = stack.use(
      await Relay.listen(
        path,
        incoming,
        taps?.(() => attempt),
      ),
    );
    const attempt: Attempt = { here: this.here, there: { machine, ferry }, relay };
    await use(attempt);
  }

  /** Wait until QEMU says that the guest at the source is in one of these states, and return which. */
  async becomes(...states: readonly string[]): Promise<string> {
    const signal = AbortSignal.timeout(PATIENCE);
    for (;;) {
      const state = await this.whereabouts.status(this.here.machine);
      if (states.includes(state)) return state;
      signal.throwIfAborted();
    }
  }

  /** The guest is at the source, nowhere else, and has not noticed anything. */
  async isAtSource({ there }: Attempt): Promise<void> {
    assert.equal(await this.whereabouts.status(this.here.machine), 'running');
    const status = await this.whereabouts.status(there.machine);
    assert.ok(['paused', 'inmigrate', 'ended'].includes(status), `at the destination it is ${status}`);
    await this.churn.goesOn();
    this.runsOnce();
  }

  /** By QEMU's word and by the guest's beats, of which two copies would send each twice. */
  runsOnce(): void {
    this.whereabouts.assertOnce();
    assert.equal(this.guest.agent.heartbeat.report().repeated, 0, 'beats came twice');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

export async function qemu(version: string): Promise<Peer> {
  return choosePeer(await testPeers(), 'qemu-system-x86_64', { version });
}
