import { type Channels, type KindStart, type Listener, WarmThreads } from '../../channels/index.ts';
import {
  deviceStateKind,
  deviceStateModule,
  noneKind,
  RAM_PAGE_SIZE,
  RamReceiver,
  ramKind,
  ramModule,
} from '../../payloads/index.ts';
import { type CpuPool, RESERVED_SLOTS, ReceiveSlots } from '../../slots/index.ts';
import { budgetOf } from '../budget.ts';
import type { MessageOf } from '../control/messages.ts';
import { Course } from '../course.ts';
import { DeviceWork, titleOf } from '../device-work.ts';
import type { DeviceProgress } from '../events.ts';
import { DEFAULT_CHANNELS } from '../limits.ts';
import type { DestinationDevice, DestinationMachine } from '../machine.ts';
import type { ReceiveOptions } from '../options.ts';
import { DESTINATION, type DestinationPhase, destinationLog } from '../phases.ts';
import { channelsOf, type Progress } from '../progress.ts';
import type { Arrivals } from './arrivals.ts';

/** Slots beyond those that every device has. */
const SHARED_SLOTS = 64;

/** Everything that the steps of a destination share before it is known what comes. */
export class Destination {
  readonly machine: DestinationMachine;
  readonly options: ReceiveOptions;
  readonly course: Course<DestinationPhase>;
  /** Files of a folder are read: nobody is there to answer to. */
  readonly oneWay: boolean;
  readonly listener: Listener;
  /** Threads for as many channels as there mostly are, which load while nobody has come yet. */
  readonly threads: WarmThreads;
  peer = '';
  intake: Intake | undefined;

  constructor(machine: DestinationMachine, options: ReceiveOptions, listener: Listener) {
    this.machine = machine;
    this.options = options;
    this.listener = listener;
    this.oneWay = listener.isFile;
    this.course = new Course('The source', destinationLog(), DESTINATION, options);
    const devices = machine.devices.length === 0 ? [] : [deviceStateModule];
    const modules = [ramModule, ...devices, noneKind(RAM_PAGE_SIZE).module];
    const { maxChannels = DEFAULT_CHANNELS } = options;
    this.threads = new WarmThreads(this.oneWay ? 0 : Math.min(maxChannels, DEFAULT_CHANNELS), modules);
  }
}

/** What receives a machine of which the source has told. Devices are in the source's order. */
export class Intake {
  readonly open: MessageOf<'open'>;
  readonly devices: readonly DestinationDevice[];
  readonly ram: RamReceiver;
  /** Undefined where there are no devices. */
  readonly slots: ReceiveSlots | undefined;
  readonly loads: DeviceWork;
  pool: CpuPool | undefined;
  channels: Channels | undefined;
  arrivals: Arrivals | undefined;
  report: Disposable | undefined;
  barriers = 0;

  constructor({ machine, options, course, oneWay }: Destination, open: MessageOf<'open'>) {
    this.open = open;
    const byTitle = new Map(machine.devices.map((device) => [titleOf(device), device]));
    this.devices = open.devices.map((name) => byTitle.get(titleOf(name))!);
    const { channels, method } = open;
    this.ram = new RamReceiver(machine.blocks, { channels, fresh: machine.fresh, method });
    this.loads = new DeviceWork(course, 'load', this.devices);
    if (this.devices.length > 0) this.slots = slotsFor(open, options, oneWay);
  }

  /** In the order in which they are asked whether a packet is theirs. */
  get kinds(): KindStart[] {
    const { slots, ram } = this;
    const devices = slots === undefined ? [] : [deviceStateKind(slots)];
    return [ramKind(ram), ...devices, noneKind(RAM_PAGE_SIZE)];
  }

  get bytes(): number {
    return this.progress.bytes;
  }

  get budgetBytes(): number {
    return budgetOf(this.open, this.ram.layout.pages, this.slots, this.pool);
  }

  /** Counts whatever is loaded. */
  get loaded(): number {
    let loaded = 0;
    for (const [device] of this.devices.entries()) loaded += this.slots!.device(device).next;
    return loaded;
  }

  get progress(): Progress {
    const { normal, zero } = this.ram.counters();
    const channels = channelsOf(this.channels, this.open.channels);
    return {
      bytes: channels.reduce((sum, { bytes }) => sum + bytes, 0),
      remaining: 0,
      pages: { normal, zero },
      channels,
      devices: this.devices.map((device, at) => this.#progressOf(device, at)),
      budgetBytes: this.budgetBytes,
    };
  }

  #progressOf({ idstr, instance }: DestinationDevice, device: number): DeviceProgress {
    const { held, next, credit } = this.slots!.device(device);
    return { idstr, instance, queued: held, next, credit: credit - 1 };
  }
}

function slotsFor(
  { devices, deviceMethod }: MessageOf<'open'>,
  { slots, perDevice, spill }: ReceiveOptions,
  oneWay: boolean,
): ReceiveSlots {
  const all = slots ?? RESERVED_SLOTS * devices.length + SHARED_SLOTS;
  return new ReceiveSlots({
    devices,
    slots: all,
    perDevice: perDevice ?? Math.max(RESERVED_SLOTS, all >> 2),
    credits: !oneWay,
    compressed: deviceMethod === 'zstd',
    ...(oneWay ? { spill } : {}),
  });
}
