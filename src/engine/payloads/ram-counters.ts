/** What channels have sent or received of RAM. */
export interface RamCounts {
  /** Pages with their contents. */
  readonly normal: number;
  /** Pages of which was said that they are zero. */
  readonly zero: number;
  readonly packets: number;
  /** Bytes of payloads, as they travelled. */
  readonly bytes: number;
}

const FIELDS = 4;

/** Counts of RAM, a row for each channel, which that channel's thread alone writes. */
export class RamCounters {
  readonly shared: SharedArrayBuffer;
  readonly #counts: Float64Array<SharedArrayBuffer>;

  constructor(channels: number, shared = new SharedArrayBuffer(channels * FIELDS * 8)) {
    this.shared = shared;
    this.#counts = new Float64Array(shared);
  }

  /** Channel `channel` has moved one packet. */
  add(channel: number, normal: number, zero: number, bytes: number): void {
    const at = channel * FIELDS;
    this.#counts[at] = this.#counts[at]! + normal;
    this.#counts[at + 1] = this.#counts[at + 1]! + zero;
    this.#counts[at + 2] = this.#counts[at + 2]! + 1;
    this.#counts[at + 3] = this.#counts[at + 3]! + bytes;
  }

  /** Over all channels. */
  total(): RamCounts {
    let [normal, zero, packets, bytes] = [0, 0, 0, 0];
    for (let at = 0; at < this.#counts.length; at += FIELDS) {
      normal += this.#counts[at]!;
      zero += this.#counts[at + 1]!;
      packets += this.#counts[at + 2]!;
      bytes += this.#counts[at + 3]!;
    }
    return { normal, zero, packets, bytes };
  }
}
