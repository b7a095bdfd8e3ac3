import { type Mapping, mapAnonymous, viewMemory } from '../../sys/index.ts';
import { SlotError } from './errors.ts';
import { MAX_DEVICES, MAX_SLOTS, RESERVED_SLOTS, SLOT_BYTES } from './limits.ts';

/** Memory of all slots, one behind the other, as a thread sees it: `bytes[0]` lies at `address`. */
export interface ArenaView {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
}

/** Where an arena lies. Plain data: it travels to other threads. */
export interface ArenaPlace {
  readonly address: number;
  readonly length: number;
}

/** Name of a device as its packets carry it: what QEMU calls a section's idstr, and the instance. */
export interface DeviceName {
  readonly idstr: string;
  readonly instance: number;
}

/** How a device is called in messages. */
export function deviceTitle({ idstr, instance }: DeviceName): string {
  return instance === 0 ? idstr : `${idstr}/${instance}`;
}

/** The one mapping that all slots of a side lie in. */
export class Arena implements Disposable {
  readonly #mapping: Mapping;
  #quarantined = false;

  /** Throws `ERR_SLOT_LIMITS` where `slots` are too few or too many for `devices`. */
  constructor(devices: number, slots: number) {
    if (devices < 1 || devices > MAX_DEVICES)
      throw new SlotError('ERR_SLOT_LIMITS', `${devices} devices, expected 1 to ${MAX_DEVICES}`);
    if (slots < devices * RESERVED_SLOTS || slots > MAX_SLOTS)
      throw new SlotError(
        'ERR_SLOT_LIMITS',
        `${slots} slots for ${devices} devices, expected ${devices * RESERVED_SLOTS} (${RESERVED_SLOTS} each) to ${MAX_SLOTS}`,
      );
    this.#mapping = mapAnonymous(slots * SLOT_BYTES, 'slots of device state');
  }

  get place(): ArenaPlace {
    return { address: this.#mapping.address, length: this.#mapping.length };
  }

  /** A call that does not return may still write here: the memory stays as it is until the process ends. */
  quarantine(): void {
    this.#quarantined = true;
  }

  [Symbol.dispose](): void {
    if (!this.#quarantined) this.#mapping[Symbol.dispose]();
  }
}

/** The memory of an arena in any thread of its process. */
export function viewArena({ address, length }: ArenaPlace): ArenaView {
  return { bytes: viewMemory(address, length), address };
}
