import type { PlacedBlock } from '../../engine/payloads/index.ts';
import { asError } from '../../errors.ts';
import { PAGE_SIZE } from '../../sys/index.ts';
import { Control } from './control.ts';
import { driverMemory } from './disk-driver.ts';
import type { DiskLaneStart, DiskTasks } from './disk-lane.ts';
import type { MachineParts } from './machine.ts';
import type { MarkedPlace } from './marked-memory.ts';
import { driverBytes, type MachinePlan } from './plan.ts';
import { MachineRam } from './ram.ts';
import type { RamLaneStart, RamTasks } from './ram-lane.ts';
import type { TaskTable } from './tasks.ts';
import { MachineThread } from './thread.ts';

export type ProcessorThread = MachineThread<RamTasks>;
export type DiskThread = MachineThread<DiskTasks>;

/** Names of the blocks of RAM: what the guest works in, and what its drivers know and use. */
const RAM = 'ram';
const DRIVERS = 'drivers';

/** Make the memory of a machine and start its threads; all of it belongs to `owned`, also where this throws. */
export async function startThreads(plan: MachinePlan, owned: AsyncDisposableStack): Promise<MachineParts> {
  const drivers = driverBytes(plan);
  const ram = new MachineRam({ [RAM]: plan.ram, ...(drivers > 0 && { [DRIVERS]: drivers }) });
  const threads: { readonly hasEnded: boolean }[] = [];
  const keep = <T extends TaskTable>(thread: MachineThread<T>) => {
    threads.push(thread);
    return owned.use(thread);
  };
  owned.defer(() => {
    if (!threads.every(({ hasEnded }) => hasEnded)) ram.quarantine();
    ram[Symbol.dispose]();
  });
  const controls = { processor: new Control(), disks: new Control() };
  const memory = ram.block(RAM);
  const start: RamLaneStart = {
    place: placeIn(ram, memory, 0, memory.length),
    rate: plan.dirtyRate,
    control: controls.processor.shared,
  };
  const processor = keep(
    await MachineThread.start<RamTasks>('processor', './ram-lane', 'createRamLane', start),
  );
  const disks: DiskThread[] = [];
  const failures: Error[] = [];
  for (const one of await Promise.allSettled(startDisks(plan, ram, controls.disks)))
    if (one.status === 'fulfilled') disks.push(keep(one.value));
    else failures.push(asError(one.reason));
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return { ram, controls, processor, disks };
}

function startDisks({ disks }: MachinePlan, ram: MachineRam, control: Control): Promise<DiskThread>[] {
  let offset = 0;
  return disks.map((plan, index) => {
    const length = driverMemory(plan.size);
    const place = placeIn(ram, ram.block(DRIVERS), offset, length);
    offset += length;
    const start: DiskLaneStart = { index, plan, place, control: control.shared };
    return MachineThread.start<DiskTasks>(`disk ${index}`, './disk-lane', 'createDiskLane', start);
  });
}

/** Bytes `offset` to `offset + length` of a block, as a thread is told of them. */
function placeIn(ram: MachineRam, block: PlacedBlock, offset: number, length: number): MarkedPlace {
  return {
    address: block.address + offset,
    length,
    firstPage: block.firstPage + offset / PAGE_SIZE,
    marks: ram.marks.shared,
    markedPages: ram.marks.pages,
  };
}
