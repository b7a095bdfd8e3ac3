import { initialBase, type ParkedRequest, type Virtqueue, type VirtqueueKind } from '../virtio/index.ts';
import { bothSides, completedBase, isUntouched, type RingStop } from './ring-stop.ts';

/** What the SDK itself keeps of the guest's driver, beside the device's own state. */
export class DriverState {
  /** Feature bits agreed upon, without those of the connection. */
  features: bigint;
  /** Where each ring stopped that ever ran. */
  readonly stops: Map<number, RingStop>;
  /** Whether there was a driver, or its state was loaded. */
  seen: boolean;

  /** The state before there was a driver, unless it was loaded. */
  constructor(features = 0n, loaded?: Map<number, RingStop>) {
    this.features = features;
    this.stops = loaded ?? new Map();
    this.seen = loaded !== undefined;
  }

  remember(stop: RingStop | undefined): void {
    if (stop !== undefined) this.stops.set(stop.queue, stop);
  }

  /**
   * Where ring `index` goes on that a front end wants to start at `base`. One that lost its connection knows what was
   * completed, and not that requests behind it may have been, too. At the very beginning that is the same, and may be a
   * new driver's.
   */
  goOnAt(index: number, kind: VirtqueueKind, base: number): number {
    const stop = this.stops.get(index);
    if (stop?.kind !== kind || stop.parked.length === 0) return bothSides(kind, base);
    if (stop.base === base) return base;
    return base === completedBase(stop) && !isUntouched(stop) ? stop.base : bothSides(kind, base);
  }

  /**
   * Whether another driver starts ring `index`: only that one starts a ring at its beginning that was in use. It says so
   * where there is RESET_DEVICE.
   */
  isAnother(index: number, { kind, base }: Virtqueue): boolean {
    const stop = this.stops.get(index);
    if (stop === undefined) return false;
    return stop.kind !== kind || (base === initialBase(kind) && !isUntouched(stop));
  }

  /**
   * The requests of ring `index` that the device is to be handed again: what the front end kept note of, else those that
   * were parked if the ring goes on where it stopped. They are given out once. `log` hears what becomes of them.
   */
  takeUnanswered(
    index: number,
    { base, unfinished }: Virtqueue,
    log: (message: string) => void,
  ): readonly ParkedRequest[] {
    const stop = this.stops.get(index);
    if (stop !== undefined) this.stops.set(index, { ...stop, parked: [] });
    if (unfinished.length > 0) {
      log(`Queue ${index} goes on with ${unfinished.length} unfinished requests`);
      return unfinished;
    }
    if (stop === undefined || stop.parked.length === 0) return [];
    if (stop.base === base) return stop.parked;
    log(
      `Queue ${index} stopped at ${stop.base} and starts at ${base}: ${stop.parked.length} parked requests are dropped`,
    );
    return [];
  }
}
