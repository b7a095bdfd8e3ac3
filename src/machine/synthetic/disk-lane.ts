/** The thread of one disk of a machine: the device, the guest's driver of it, and the blocking transfers of its state. */
import type { Device } from '../../device/index.ts';
import { SlotSink, type SlotSinkStart, SlotSource, type SlotSourceStart } from '../../engine/slots/index.ts';
import { FerryError } from '../../errors.ts';
import { Control } from './control.ts';
import { DiskDriver } from './disk-driver.ts';
import { HostedDisk } from './hosted-disk.ts';
import { MarkedMemory, type MarkedPlace } from './marked-memory.ts';
import { tasksBy, type Worker } from './tasks.ts';

/** Which device a machine has. Plain data: it travels to the device's thread. */
export interface DiskPlan {
  /** URL of the author's module. */
  readonly module: string;
  /** Name of the function there that makes the device of `options`. */
  readonly factory: string;
  readonly options: unknown;
  /** Bytes of the disk: a multiple of 64 KiB. */
  readonly size: number;
  /** Bytes that the guest writes and reads per second. */
  readonly rate: number;
}

/** What the thread is started with. Plain data. */
export interface DiskLaneStart {
  readonly index: number;
  readonly plan: DiskPlan;
  /** The driver's memory. */
  readonly place: MarkedPlace;
  readonly control: SharedArrayBuffer;
}

/** What can be asked of the thread. */
export type DiskTasks = ReturnType<typeof tasksOf>;

/** Makes what does the tasks. Throws `ERR_MACHINE_DEVICE` for a device that cannot be driven here, and what its factory throws. */
export async function createDiskLane({ index, plan, place, control }: DiskLaneStart): Promise<Worker> {
  const device = await makeDevice(plan);
  const disk = host(device, index, plan, new MarkedMemory(place), new Control(control));
  return tasksBy(tasksOf(disk), () => disk[Symbol.dispose]());
}

function tasksOf(disk: HostedDisk) {
  return {
    fill: () => disk.fill(),
    resume: () => disk.resume(),
    /** Returns, with the device suspended, when the control says pause. */
    work: () => disk.work(),
    look: () => disk.look(),
    digests: () => disk.digests(),
    discard: () => disk.discard(),
    save: (start: SlotSinkStart) => {
      const sink = new SlotSink(start);
      const moved = disk.save(sink);
      sink.end();
      return moved;
    },
    load: (start: SlotSourceStart) => disk.load(new SlotSource(start)),
  };
}

function host(
  device: Device,
  index: number,
  { size, rate }: DiskPlan,
  memory: MarkedMemory,
  control: Control,
): HostedDisk {
  try {
    return new HostedDisk(device, new DiskDriver(device, index, size, memory), rate, control, index + 1);
  } catch (error) {
    device[Symbol.dispose]?.();
    throw error;
  }
}

/** The author's module cannot be known to the compiler: what it exports is looked at here. */
async function makeDevice({ module, factory, options }: DiskPlan): Promise<Device> {
  const exported: unknown = await import(module);
  const make: unknown = Reflect.get(Object(exported), factory);
  if (typeof make !== 'function')
    throw new FerryError('ERR_MACHINE_DEVICE', `${module} exports no function ${factory}`);
  const device: unknown = make(options);
  for (const method of ['handle', 'save', 'load'])
    if (typeof Reflect.get(Object(device), method) !== 'function')
      throw new FerryError('ERR_MACHINE_DEVICE', `What ${factory} of ${module} makes has no ${method}`);
  return device as Device;
}
