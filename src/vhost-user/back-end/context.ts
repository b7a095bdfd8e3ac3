import { type DirtyLog, GuestMemory, type Region, type RegionPlace } from '../../memory/index.ts';
import { initialBase, type VirtqueueKind } from '../../virtio/index.ts';
import type { BackEnd, Session } from '../backend.ts';
import { ProtocolFeature, VirtioFeature } from '../constants.ts';
import { RequestError } from '../errors.ts';
import type { InflightRegion } from './inflight-region.ts';
import type { RequestChannel } from './request-channel.ts';
import { RingState } from './ring-state.ts';

/** What one front end has told so far, and what it has given: everything a session has to release at its end. */
export class Context implements Disposable {
  readonly session: Session;
  readonly backEnd: BackEnd;
  readonly rings: readonly RingState[];
  readonly memory: GuestMemory;
  /** Hears of what is odd, but no reason to refuse. */
  readonly warn: (message: string) => void;
  features = 0n;
  protocolFeatures = 0n;
  /** Requests of our own to the front end. */
  requests: RequestChannel | undefined;
  #log: DirtyLog | undefined;
  #inflight: InflightRegion | undefined;
  #warnedOfMemory = false;

  constructor(session: Session, backEnd: BackEnd, warn: (message: string) => void) {
    this.session = session;
    this.backEnd = backEnd;
    this.warn = warn;
    const { queues, memorySlots } = backEnd.profile;
    this.rings = Array.from({ length: queues }, (_, index) => new RingState(index));
    this.memory = new GuestMemory(memorySlots);
  }

  get anyStarted(): boolean {
    return this.rings.some((ring) => ring.started);
  }

  /** How the rings that start now lie in memory. */
  get kind(): VirtqueueKind {
    return (this.features & VirtioFeature.RING_PACKED) === 0n ? 'split' : 'packed';
  }

  /** Whether rings that start later may be packed, as far as the front end has said. */
  get mayBePacked(): boolean {
    const features = this.features === 0n ? this.backEnd.profile.features : this.features;
    return (features & VirtioFeature.RING_PACKED) !== 0n;
  }

  /** Whether `feature` has been negotiated. */
  has(feature: keyof typeof ProtocolFeature): boolean {
    return (this.protocolFeatures & ProtocolFeature[feature]) !== 0n;
  }

  /** Ring `index`; throws `ERR_RING_INDEX` where there is none. */
  ring(index: number): RingState {
    const ring = this.rings[index];
    if (ring === undefined)
      throw new RequestError('ERR_RING_INDEX', `There is no ring ${index}, only ${this.rings.length} rings`);
    return ring;
  }

  /** Ring `index`, which must be stopped. */
  stoppedRing(index: number): RingState {
    const ring = this.ring(index);
    if (ring.started) throw new RequestError('ERR_NOT_NOW', `Ring ${index} is running`);
    return ring;
  }

  /** Hears of memory that the front end could take from under us: once a session, there are many regions. */
  readonly warnOfMemory = (message: string): void => {
    if (!this.#warnedOfMemory) this.warn(message);
    this.#warnedOfMemory = true;
  };

  /** Where memory lies. Ring addresses are user addresses, or guest addresses in their place (GPA_ADDRESSES). */
  placeOf<P extends RegionPlace>(place: P): P {
    return this.has('GPA_ADDRESSES') ? { ...place, userAddress: place.guestAddress } : place;
  }

  /**
   * Make `regions` the guest's memory; those that are not among them any more are unmapped. Throws, with everything as
   * it was, where they overlap or a running ring would lose its memory.
   */
  changeMemory(regions: readonly Region[]): void {
    if (this.memory.regions.some((region) => !regions.includes(region)))
      this.backEnd.releaseMemory(this.session);
    const before = this.memory.exchange(regions);
    try {
      this.#relocateRings();
    } catch (error) {
      this.memory.exchange(before);
      this.#relocateRings();
      throw error;
    }
    this.followLog();
    this.backEnd.memoryChanged(this.session);
    for (const region of before) if (!regions.includes(region)) region[Symbol.dispose]();
  }

  /** Start `ring` as the features have it, its unfinished requests written down where the front end wants that. */
  startRing(ring: RingState): void {
    const { kind } = this;
    const { index, base = initialBase(kind) } = ring;
    ring.start({
      memory: this.memory,
      kind,
      features: this.features,
      base: this.backEnd.goOnAt(this.session, index, kind, base),
      inflight: this.#inflightPart(ring, kind),
      mayLeaveInflight: this.has('GET_VRING_BASE_INFLIGHT'),
    });
  }

  /**
   * Where `ring` writes down what it has taken. QEMU 10.0 asks for as much room as its queue-size says, and lets drivers make
   * larger rings all the same: those do without.
   */
  #inflightPart({ index, size }: RingState, kind: VirtqueueKind): Uint8Array | undefined {
    const region = this.#inflight;
    if (region === undefined) return undefined;
    const { queueSize } = region.extent;
    if (size <= queueSize) return region.part(index, kind);
    this.warn(
      `Ring ${index} has ${size} entries, its inflight region has room for ${queueSize}: what is unfinished would be lost ` +
        'with this process',
    );
    return undefined;
  }

  /** Queues that start from now on write down in `region` what they have taken; undefined: nowhere. */
  replaceInflight(region: InflightRegion | undefined): void {
    this.#inflight?.[Symbol.dispose]();
    this.#inflight = region;
  }

  /** Log to `log` from now on; what was used before is unmapped. */
  replaceLog(log: DirtyLog): void {
    const before = this.#log;
    this.#log = log;
    this.followLog();
    if (before !== undefined && before.lost > 0)
      this.warn(`${before.lost} writes to guest memory lay beyond the dirty log of ${before.pages} pages`);
    before?.[Symbol.dispose]();
  }

  /** Tell the queues what is logged now, after a change of the features, of the log or of a ring. */
  followLog(): void {
    const log = (this.features & VirtioFeature.LOG_ALL) === 0n ? undefined : this.#log;
    for (const ring of this.rings) ring.logTo(log, this.memory);
  }

  [Symbol.dispose](): void {
    for (const ring of this.rings) ring[Symbol.dispose]();
    this.requests?.[Symbol.dispose]();
    this.requests = undefined;
    this.#log?.[Symbol.dispose]();
    this.#log = undefined;
    this.replaceInflight(undefined);
    this.memory[Symbol.dispose]();
  }

  #relocateRings(): void {
    for (const ring of this.rings) ring.relocate(this.memory);
  }
}
