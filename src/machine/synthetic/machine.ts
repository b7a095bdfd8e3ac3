import type { SlotSinkStart, SlotSourceStart } from '../../engine/slots/index.ts';
import { asError, DeadlineError } from '../../errors.ts';
import type { Control } from './control.ts';
import type { DiskFindings } from './disk-driver.ts';
import type { StateMoved } from './hosted-disk.ts';
import type { MachinePlan } from './plan.ts';
import type { MachineRam } from './ram.ts';
import type { MemoryFindings } from './ram-workload.ts';
import { type DiskThread, type ProcessorThread, startThreads } from './threads.ts';

/** How long the guest and its disks may take to stop, in milliseconds. */
const PAUSE_WITHIN = 10_000;

/** What was found when a guest looked at everything it has. */
export interface MachineFindings {
  readonly memory: MemoryFindings;
  readonly disks: readonly DiskFindings[];
}

/** What a machine is made of once it is started. */
export interface MachineParts {
  readonly ram: MachineRam;
  readonly controls: { readonly processor: Control; readonly disks: Control };
  readonly processor: ProcessorThread;
  readonly disks: readonly DiskThread[];
}

/**
 * A machine without a processor of its own: RAM in which a guest writes pages at a stated rate, and disks, each of them a
 * device of the SDK on a thread of its own, which the guest writes and reads. All that the guest knows lies in the RAM. At
 * first it is paused.
 */
export class SyntheticMachine implements AsyncDisposable {
  readonly plan: MachinePlan;
  readonly #parts: MachineParts;
  readonly #owned: AsyncDisposableStack;
  /** By disk: how its state was last saved or loaded. */
  readonly moved = new Map<number, StateMoved>();
  /** What goes on until the controls say pause. */
  #work: readonly Promise<unknown>[] = [];

  /** Use `create`. */
  private constructor(plan: MachinePlan, parts: MachineParts, owned: AsyncDisposableStack) {
    this.plan = plan;
    this.#parts = parts;
    this.#owned = owned;
  }

  /**
   * Make the memory and start the threads. Throws `ERR_MACHINE_DEVICE` for a device that cannot be driven here, what its
   * factory throws, and `SystemError` where there is no memory.
   */
  static async create(plan: MachinePlan): Promise<SyntheticMachine> {
    await using owned = new AsyncDisposableStack();
    const parts = await startThreads(plan, owned);
    return new SyntheticMachine(plan, parts, owned.move());
  }

  get ram(): MachineRam {
    return this.#parts.ram;
  }

  /** Pages that the guest has written while it worked here; wraps around at 2^32. */
  get pagesWritten(): number {
    return this.#parts.controls.processor.steps;
  }

  /** Requests that the guest made of its disks while it worked here; wraps around at 2^32. */
  get requestsDone(): number {
    return this.#parts.controls.disks.steps;
  }

  /** The guest's first boot: it writes every page and every block once. */
  async fill(): Promise<void> {
    const { processor, disks } = this.#parts;
    await Promise.all([processor.run('fill'), ...disks.map((disk) => disk.run('fill'))]);
  }

  /**
   * The disks start, with what was loaded where something was, and the guest's processor finds what it knows. Rejects with
   * `ERR_MACHINE_MEMORY` where there is nothing: such a guest cannot run.
   */
  async wake(): Promise<void> {
    const { processor, disks } = this.#parts;
    await processor.run('wake');
    await Promise.all(disks.map((disk) => disk.run('resume')));
  }

  /** The guest, which is awake, goes about its work until `pause`. */
  work(): void {
    const { processor, disks, controls } = this.#parts;
    if (!controls.processor.isPaused) return;
    controls.processor.run();
    controls.disks.run();
    this.#work = [processor.runOn('work'), ...disks.map((disk) => disk.runOn('work'))];
    // What fails is told by `pause`, which awaits them
    for (const work of this.#work) work.catch(() => undefined);
  }

  /**
   * Stop the guest and suspend its disks: when this resolves nothing is written any more. Rejects with what the guest found
   * wrong while it worked; it is stopped then, too. Rejects with `ERR_DEADLINE` where something does not stop.
   */
  async pause(): Promise<void> {
    const { controls } = this.#parts;
    controls.processor.pause();
    controls.disks.pause();
    const ended = await within(Promise.allSettled(this.#work), 'The stop of the guest', PAUSE_WITHIN);
    this.#work = [];
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw asError(failed.reason);
  }

  /** Have the guest, which does not work now, look at all pages and all blocks. */
  async look(): Promise<MachineFindings> {
    const { processor, disks } = this.#parts;
    const [memory, ...found] = await Promise.all([
      processor.run('look'),
      ...disks.map((disk) => disk.run('look')),
    ]);
    return { memory, disks: found };
  }

  /** Digests of all pieces of the blocks of RAM by name, while the guest does not work and its disks are not asked. */
  async memoryDigests(): Promise<ReadonlyMap<string, Uint8Array>> {
    const digests = new Map<string, Uint8Array>();
    for (const { name, address, length } of this.ram.blocks)
      digests.set(name, await this.#parts.processor.run('digests', { address, length }));
    return digests;
  }

  /** Digests of all pieces of each disk. Reading them changes RAM: the buffers of drivers. */
  diskDigests(): Promise<readonly Uint8Array[]> {
    return Promise.all(this.#parts.disks.map((disk) => disk.run('digests')));
  }

  /** Write the state of disk number `index`, which is suspended. */
  async save(index: number, sink: SlotSinkStart): Promise<void> {
    this.moved.set(index, await this.#disk(index).run('save', sink));
  }

  /** Read a state for disk number `index`; it becomes the disk's when it wakes. */
  async load(index: number, source: SlotSourceStart): Promise<void> {
    this.moved.set(index, await this.#disk(index).run('load', source));
  }

  /** Give up what was loaded. */
  async discard(): Promise<void> {
    await Promise.all(this.#parts.disks.map((disk) => disk.run('discard')));
  }

  /** The end of the machine and its threads. Memory that somebody may still touch is kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.pause()]);
    await this.#owned[Symbol.asyncDispose]();
  }

  #disk(index: number): DiskThread {
    const disk = this.#parts.disks[index];
    if (disk === undefined) throw new RangeError(`There is no disk ${index} of ${this.#parts.disks.length}`);
    return disk;
  }
}

async function within<T>(promise: Promise<T>, what: string, milliseconds: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new DeadlineError(what, milliseconds)), milliseconds);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
