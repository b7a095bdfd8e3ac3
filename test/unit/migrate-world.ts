import type { MigrateTimings } from '../../src/migrate/index.ts';
import { type Received, ScriptedMonitor } from './qmp-peer.ts';

/** Short waits, so that a scripted move with a stuck peer ends within a second. */
export const SHORT: MigrateTimings = {
  pollMs: 4,
  destinationPollMs: 8,
  silenceMs: 150,
  giveUpMs: 400,
  switchoverMs: 900,
  reconnectMs: 120,
  goMs: 120,
  cancelMs: 400,
  confirmMs: 300,
  quitMs: 100,
};

type Role = 'source' | 'destination';

/** What goes wrong when `role` receives its `nth` (from 1) `command`. */
export interface Fault {
  readonly role: Role;
  readonly command: string;
  readonly nth: number;
  /**
   * `refuse`: an error is answered and nothing done. `drop`: the connection is cut before the command takes effect.
   * `lose`: it takes effect, then the connection is cut. `mute` and `mute-done`: nothing is answered any more, before or
   * after it takes effect. `die`: the process ends.
   */
  readonly how: 'refuse' | 'drop' | 'lose' | 'mute' | 'mute-done' | 'die';
  /** Whether the monitor takes new connections after `drop` and `lose`. */
  readonly comesBack: boolean;
}

const CAPABILITIES = ['return-path', 'events', 'pause-before-switchover', 'late-block-activate', 'multifd'];

/** One QEMU as a monitor shows it: run state, migration, and whether the guest gets CPU time. */
class Machine {
  status: string;
  migration: string | undefined;
  autostart = true;
  alive = true;
  error: string | undefined;
  readonly world: World;
  readonly role: Role;
  monitor: ScriptedMonitor | undefined;
  readonly seen = new Map<string, number>();
  muted = false;
  /** Commands that came while it was mute. */
  readonly held: Received[] = [];
  chardevs: { label: string; filename: string; 'frontend-open': boolean }[] = [];

  constructor(world: World, role: Role) {
    this.world = world;
    this.role = role;
    this.status = role === 'source' ? 'running' : 'inmigrate';
  }

  get runs(): boolean {
    return this.alive && this.status === 'running';
  }

  set(status: string): void {
    this.status = status;
    if (this.runs) this.world.started(this.role);
  }

  migrate(status: string): void {
    this.migration = status;
    this.monitor?.event('MIGRATION', { status });
  }

  get path(): string {
    return this.monitor!.path;
  }
}

/**
 * Two scripted QEMUs that move a guest between them by the rules of the real ones, with one fault. It notes every moment
 * at which the guest would run twice, or run again at the source after it has run at the destination.
 */
export class World implements AsyncDisposable {
  readonly source = new Machine(this, 'source');
  readonly destination = new Machine(this, 'destination');
  readonly violations: string[] = [];
  /** Commands in the order in which they took effect. */
  readonly trace: { role: Role; command: string; nth: number }[] = [];
  readonly #faults: readonly Fault[];
  readonly #passes: number;
  readonly #ending: Promise<void>[] = [];
  #ranThere = false;
  #looks = 0;

  private constructor(faults: readonly Fault[], passes: number) {
    this.#faults = faults;
    this.#passes = passes;
  }

  static async create(
    faults: Fault | readonly Fault[] = [],
    { passes = 3, state = 'running' } = {},
  ): Promise<World> {
    const world = new World([faults].flat(), passes);
    world.source.status = state;
    for (const machine of [world.source, world.destination])
      machine.monitor = await ScriptedMonitor.listen({
        onCommand: (command) => world.#command(machine, command),
      });
    return world;
  }

  /** The guest got CPU time at `role`. */
  started(role: Role): void {
    if (this.source.runs && this.destination.runs)
      this.violations.push(`${role} started while the other side runs`);
    if (role === 'source' && this.#ranThere)
      this.violations.push('the source started after the destination had run');
    if (role === 'destination') this.#ranThere = true;
  }

  #command(machine: Machine, command: Received): void {
    if (machine.muted) machine.held.push(command);
    if (machine.muted || !machine.alive) return;
    const nth = (machine.seen.get(command.name) ?? 0) + 1;
    machine.seen.set(command.name, nth);
    this.trace.push({ role: machine.role, command: command.name, nth });
    const fault = this.#faults.find(
      (one) => one.role === machine.role && one.command === command.name && one.nth === nth,
    );
    if (fault === undefined) {
      this.#carryOut(machine, command);
      return;
    }
    switch (fault.how) {
      case 'refuse':
        command.refuse('scripted refusal');
        break;
      case 'drop':
      case 'lose':
        if (fault.how === 'lose')
          this.#carryOut(machine, { ...command, answer: () => undefined, refuse: () => undefined });
        if (fault.comesBack) machine.monitor!.hangUp();
        else this.#ending.push(machine.monitor!.die());
        break;
      case 'mute':
      case 'mute-done':
        if (fault.how === 'mute-done')
          this.#carryOut(machine, { ...command, answer: () => undefined, refuse: () => undefined });
        else machine.held.push(command);
        machine.muted = true;
        break;
      case 'die':
        this.#die(machine);
        break;
    }
  }

  /** A stalled save was given up: the source answers again, and goes on. */
  releaseSource(): void {
    const { source } = this;
    source.muted = false;
    source.error = 'scripted: the back end failed to save';
    source.migrate('failed');
    source.set('running');
    this.#streamBroke(this.destination, false);
    for (const command of source.held.splice(0)) this.#carryOut(source, command);
  }

  #die(machine: Machine): void {
    machine.alive = false;
    this.#ending.push(machine.monitor!.die());
    if (machine.role === 'source') this.#streamBroke(this.destination, false);
    else this.#streamBroke(this.source, true);
  }

  /** What the peer of a stream does when it ends too early. */
  #streamBroke(machine: Machine, resumes: boolean): void {
    if (machine.migration === undefined || ['completed', 'failed', 'cancelled'].includes(machine.migration))
      return;
    machine.error = 'scripted: the stream broke';
    machine.migrate('failed');
    if (resumes && machine.status === 'finish-migrate') machine.set('running');
  }

  #carryOut(machine: Machine, command: Received): void {
    const result = machine.role === 'source' ? this.#source(command) : this.#destination(command);
    if (result === undefined)
      command.refuse(`${command.name} in state ${machine.status}/${machine.migration}`);
    else command.answer(result);
    if (machine.role === 'destination' && command.name === 'quit') this.#die(machine);
  }

  #source(command: Received): unknown {
    const { source, destination } = this;
    const migration = source.migration ?? 'none';
    switch (command.name) {
      case 'migrate':
        if (destination.migration !== 'setup') return undefined;
        source.migrate('active');
        destination.migrate('active');
        return {};
      case 'query-migrate': {
        const answer = this.#info(source);
        if (migration === 'active' && ++this.#looks >= this.#passes) {
          if (source.status === 'running') source.set('finish-migrate');
          source.monitor?.event('STOP');
          source.migrate('pre-switchover');
        } else if (migration === 'device') this.arrive();
        return answer;
      }
      case 'migrate-continue':
        if (migration !== 'pre-switchover') return undefined;
        source.migrate('device');
        return {};
      case 'migrate_cancel':
        if (['active', 'pre-switchover', 'device'].includes(migration)) {
          source.migrate('cancelled');
          if (source.status === 'finish-migrate') source.set('running');
          this.#streamBroke(destination, false);
        }
        return {};
      case 'cont':
        source.set('running');
        return {};
      default:
        return this.#common(source, command);
    }
  }

  /** The destination has loaded everything, and the return path has said so. */
  arrive(): void {
    const { source, destination } = this;
    if (!destination.alive) return;
    destination.set(destination.autostart ? 'running' : 'paused');
    destination.migrate('completed');
    source.status = 'postmigrate';
    source.migrate('completed');
  }

  #destination(command: Received): unknown {
    const { destination } = this;
    switch (command.name) {
      case 'stop':
        destination.autostart = false;
        return {};
      case 'migrate-incoming':
        destination.migrate('setup');
        return {};
      case 'cont':
        if (destination.status === 'inmigrate') destination.autostart = true;
        else destination.set('running');
        return {};
      case 'quit':
        return {};
      case 'query-migrate':
        return this.#info(destination);
      default:
        return this.#common(destination, command);
    }
  }

  #info(machine: Machine): object {
    return {
      ...(machine.migration === undefined ? {} : { status: machine.migration }),
      ...(machine.error === undefined ? {} : { 'error-desc': machine.error }),
    };
  }

  #common(machine: Machine, { name, args }: Received): unknown {
    switch (name) {
      case 'query-status':
        return { status: machine.status, running: machine.status === 'running' };
      case 'query-name':
        return { name: 'vm' };
      case 'query-uuid':
        return { UUID: '00000000-0000-0000-0000-000000000001' };
      case 'query-target':
        return { arch: 'x86_64' };
      case 'qom-get':
        return args.path === '/machine' ? 'pc-q35-10.0-machine' : 'qemu64-x86_64-cpu';
      case 'query-machines':
        return [{ name: 'pc-q35-10.0', deprecated: false, 'cpu-max': 288 }];
      case 'query-cpus-fast':
        return [
          { 'cpu-index': 0, 'qom-path': '/machine/unattached/device[0]', 'thread-id': 1, target: 'x86_64' },
        ];
      case 'query-migrate-capabilities':
        return CAPABILITIES.map((capability) => ({ capability, state: false }));
      case 'query-migrate-parameters':
        return { 'downtime-limit': 300, 'max-bandwidth': 134217728, mode: 'normal' };
      case 'query-memory-size-summary':
        return { 'base-memory': 67108864, 'plugged-memory': 0 };
      case 'migrate-set-capabilities':
      case 'migrate-set-parameters':
        return {};
      case 'query-chardev':
        return machine.chardevs;
      case 'query-memdev':
        return machine.chardevs.length === 0
          ? []
          : [
              {
                id: 'm',
                size: 67108864,
                share: true,
                merge: true,
                dump: true,
                prealloc: false,
                'host-nodes': [],
                policy: 'default',
              },
            ];
      case 'query-pci':
      case 'query-jobs':
      case 'query-named-block-nodes':
      case 'qom-list':
        return [];
      default:
        return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ending);
    for (const { monitor } of [this.source, this.destination]) await monitor?.[Symbol.asyncDispose]();
  }
}
