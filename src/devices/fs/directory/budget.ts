import { FEWEST_DESCRIPTORS, RESERVED_DESCRIPTORS, ROOM_FOR_ONE_REQUEST } from './limits.ts';

/**
 * How many descriptors the device may hold for a guest: what the process may have, less what everything else needs. A
 * guest that uses all of them is told ENFILE; nothing else in the process runs out.
 */
export class DescriptorBudget {
  /** Descriptors that can be held at most. */
  readonly limit: number;
  /** From here on descriptors of inodes are closed before a request, so that the request finds room. */
  readonly soft: number;
  used = 0;

  /** Of the `available` descriptors that the process may have in all. */
  constructor(available: number) {
    this.limit = Math.max(FEWEST_DESCRIPTORS, available - RESERVED_DESCRIPTORS);
    this.soft = Math.max(this.limit - ROOM_FOR_ONE_REQUEST, this.limit / 2);
  }

  /** Whether it is time to close some that are not needed now. */
  get isTight(): boolean {
    return this.used > this.soft || !this.hasRoom;
  }

  /** Whether one more can be held. */
  get hasRoom(): boolean {
    return this.used < this.limit;
  }
}
