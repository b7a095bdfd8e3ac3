import type { TlsContext } from '../../../sys/index.ts';
import { Bell, type Channels, type KindStart, WarmThreads } from '../../channels/index.ts';
import { deviceStateKind, noneKind, RAM_PAGE_SIZE, RamPass, ramKind } from '../../payloads/index.ts';
import { type CpuPool, SendSlots } from '../../slots/index.ts';
import { budgetOf } from '../budget.ts';
import { Course, type Notice } from '../course.ts';
import { DeviceWork, titleOf } from '../device-work.ts';
import { TransferError } from '../errors.ts';
import type { DeviceProgress } from '../events.ts';
import type { SourceMachine } from '../machine.ts';
import type { SendOptions } from '../options.ts';
import { RateMeter } from '../pacing.ts';
import { SOURCE, type SourcePhase, sourceLog } from '../phases.ts';
import { channelsOf, type Progress } from '../progress.ts';
import { planSend, type SendPlan } from './plan.ts';
import type { Replacements } from './replacements.ts';

/** Everything that the steps of a source share. What is undefined has not been reached. */
export class Source {
  readonly machine: SourceMachine;
  readonly plan: SendPlan;
  readonly course: Course<SourcePhase>;
  readonly bell = new Bell();
  readonly rate = new RateMeter();
  readonly saves: DeviceWork;
  readonly ram: RamPass;
  /** Undefined where there are no devices. */
  readonly slots: SendSlots | undefined;
  tls: TlsContext | undefined;
  /** Threads of channels, which load while the ends come to an agreement. */
  threads: WarmThreads | undefined;
  pool: CpuPool | undefined;
  channels: Channels | undefined;
  replacements: Replacements | undefined;
  report: Disposable | undefined;
  /** Whether the machine's dirty pages are being watched. */
  watching = false;
  /** When the machine was told to stop, and what came of it. */
  stoppedAt: number | undefined;
  stopping: Promise<void> | undefined;
  /** When the destination said that it runs. */
  startedAt: number | undefined;
  /** Files that were made, where it goes into a folder. */
  readonly files: string[] = [];
  passes = 0;
  barriers = 0;
  /** What the destination said about loading each device. */
  readonly loadMs: (number | undefined)[] = [];
  /** Counts what the destination said about devices: whether it gets on. */
  heard = 0;

  /** Throws for options and machines that cannot be; nothing has happened then. */
  constructor(machine: SourceMachine, options: SendOptions) {
    this.machine = machine;
    this.plan = planSend(machine, options);
    const { proposal, zeroPages, level, slots, oneWay } = this.plan;
    const { channels, devices, method, deviceMethod } = proposal;
    const compressed = deviceMethod === 'zstd';
    this.ram = new RamPass(machine.blocks, { channels, zeroPages, method, level });
    this.course = new Course('The destination', sourceLog(), SOURCE, options);
    this.course.onNotice = (notice) => this.#hear(notice);
    this.saves = new DeviceWork(this.course, 'save', devices);
    if (devices.length > 0)
      this.slots = new SendSlots({ devices, slots, bell: this.bell.shared, credits: !oneWay, compressed });
  }

  /** In the order in which they are asked for packets, apart from their weights. */
  get kinds(): KindStart[] {
    const { slots, ram } = this;
    const devices = slots === undefined ? [] : [deviceStateKind(slots)];
    return [ramKind(ram), ...devices, noneKind(RAM_PAGE_SIZE, ram.packetNumbers)];
  }

  /** Have threads for all channels load what they need. */
  warmUp(): void {
    const modules = this.kinds.map(({ module }) => module);
    this.threads = new WarmThreads(this.plan.proposal.channels, modules);
  }

  /** Bytes on the wire so far. */
  get bytes(): number {
    const { channels } = this;
    if (channels === undefined) return 0;
    let bytes = 0;
    for (let id = 0; id < this.plan.proposal.channels; id++) bytes += channels.counters(id).bytes;
    return bytes;
  }

  get progress(): Progress {
    const { channels, ram, bytes, remaining, devices, budgetBytes } = this;
    const { normal, zero } = ram.counters();
    return {
      bytes,
      remaining,
      pages: { normal, zero },
      channels: channelsOf(channels, this.plan.proposal.channels),
      devices,
      budgetBytes,
    };
  }

  /** Bytes of memory that are to be sent. */
  get remaining(): number {
    return this.ram.remaining() * RAM_PAGE_SIZE;
  }

  get budgetBytes(): number {
    return budgetOf(this.plan.proposal, this.ram.layout.pages, this.slots, this.pool);
  }

  get devices(): DeviceProgress[] {
    const { slots } = this;
    if (slots === undefined) return [];
    return this.machine.devices.map(({ idstr, instance }, device) => {
      const { posted, written, received, allowed } = slots.device(device);
      const next = this.plan.oneWay ? written : received;
      const queued = Math.max(0, posted - written);
      return { idstr, instance, queued, next, ...(this.plan.oneWay ? {} : { credit: allowed - 1 }) };
    });
  }

  #hear(notice: Notice): void {
    if (notice.kind === 'channel-lost') {
      this.replacements?.lostThere(notice);
      return;
    }
    const { slots } = this;
    const device = this.machine.devices[notice.device];
    if (slots === undefined || device === undefined)
      throw new TransferError(
        'ERR_TRANSFER_ORDER',
        `The destination said ${notice.kind} of device ${notice.device}, there are ${this.machine.devices.length}`,
      );
    this.heard++;
    if (notice.kind === 'device-loaded') {
      this.loadMs[notice.device] = notice.ms;
      this.course.emit({ type: 'device', did: 'loaded', ms: notice.ms, ...nameOf(device) });
    } else if (notice.below === 0)
      throw new TransferError('ERR_TRANSFER_ORDER', `A ${notice.kind} of nothing for ${titleOf(device)}`);
    else if (notice.kind === 'credit') slots.setCredit(notice.device, notice.below - 1);
    // A buffer counts as written after the call that wrote it, and the answer may be here before that
    else if (notice.below > slots.device(notice.device).posted)
      throw new TransferError(
        'ERR_TRANSFER_ORDER',
        `The destination received more of ${titleOf(device)} than was sent: ${notice.below} buffers`,
      );
    else slots.received(notice.device, notice.below - 1);
  }
}

function nameOf({ idstr, instance }: { idstr: string; instance: number }) {
  return { idstr, instance };
}
