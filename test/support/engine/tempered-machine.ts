/** A machine for either end of a transfer whose devices are as slow, stuck or mortal as asked. */
import { Lane } from '../../../src/engine/slots/index.ts';
import type { DestinationMachine, SourceMachine } from '../../../src/engine/transfer/index.ts';
import { letGo, type Temper, type TemperedDevice, type TemperedTask } from './tempered-lane.ts';
import { TestMachine } from './transfer-rig.ts';

/** Threads of devices, for one machine after the other: a thread takes longer to come up than a state to move. */
export class Crew implements AsyncDisposable {
  readonly lanes: readonly Lane[];

  static async start(count: number): Promise<Crew> {
    const module = new URL('./tempered-lane.ts', import.meta.url);
    const all = Array.from({ length: count }, (_, i) =>
      Lane.start({ name: `crew ${i}`, module, start: undefined }),
    );
    return new Crew(await Promise.all(all));
  }

  private constructor(lanes: readonly Lane[]) {
    this.lanes = lanes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane[Symbol.asyncDispose]()));
  }
}

export interface TemperedOptions {
  /** One lane for each device. */
  readonly crew: Crew;
  /** Buffers of each device. */
  readonly totals: readonly number[];
  readonly tempers: readonly Temper[];
  /** Writes to memory while pass number `pass` is made. */
  readonly guest?: (machine: TestMachine, pass: number) => void;
}

/** Bytes of its memory. */
const BLOCKS = { ram: 6 * 1024 * 1024, 'a/small one': 9 * 4096 };

export class TemperedMachine implements Disposable {
  readonly machine: TestMachine;
  readonly #options: TemperedOptions;
  readonly #release = new SharedArrayBuffer(4);

  constructor(options: TemperedOptions) {
    this.#options = options;
    this.machine = new TestMachine({ blocks: BLOCKS, ...(options.guest && { guest: options.guest }) });
  }

  /** How device `device` is called in messages. */
  static title(device: number): string {
    return `dev-${device}`;
  }

  asSource(): SourceMachine {
    const devices = this.#names.map((name, device) => ({
      ...name,
      save: (sink: NonNullable<TemperedDevice['sink']>) => this.#work(device, { sink }),
    }));
    return { ...this.machine.asSource(), devices };
  }

  asDestination(): DestinationMachine {
    const devices = this.#names.map((name, device) => ({
      ...name,
      load: (source: NonNullable<TemperedDevice['source']>) => this.#work(device, { source }),
    }));
    return { ...this.machine.asDestination(), devices };
  }

  /** Devices that are stuck come back. */
  letGo(): void {
    letGo(this.#release);
  }

  [Symbol.dispose](): void {
    this.machine[Symbol.dispose]();
  }

  get #names() {
    return this.#options.totals.map((_, device) => ({ idstr: TemperedMachine.title(device), instance: 0 }));
  }

  async #work(device: number, way: Pick<TemperedDevice, 'sink' | 'source'>): Promise<void> {
    const { crew, totals, tempers } = this.#options;
    const one = { device, total: totals[device]!, temper: tempers[device] ?? {}, ...way };
    await crew.lanes[device]!.run({ devices: [one], release: this.#release } satisfies TemperedTask);
  }
}
