/**
 * How long a guest stood still, as seen from outside. A guest's clocks stop with it (under TCG all of them do, and a
 * migration stops the machine), so a guest cannot measure its own pause; what counts is when its beats arrive here.
 */
export interface HeartbeatReport {
  /** Beats that arrived. */
  readonly beats: number;
  /** Beats that the guest sent and that never arrived. */
  readonly missing: number;
  /** Beats whose number had come before: of a machine that was set back, or of a guest that runs twice. */
  readonly repeated: number;
  /** Longest time between two arrivals here, in milliseconds. */
  readonly longestGap: number;
  /** Longest time between two beats by the guest's own clock, in milliseconds: what it noticed itself. */
  readonly longestGuestGap: number;
  /** When the longest gap ended, as `performance.now()` counts. */
  readonly gapEnd: number;
}

export class Heartbeat {
  #beats = 0;
  #missing = 0;
  #repeated = 0;
  #highest = 0;
  #longestGap = 0;
  #longestGuestGap = 0;
  #gapEnd = 0;
  #last: { arrival: number; guestTime: number; count: number } | undefined;

  /** Begins anew: what came before is forgotten. */
  reset(): void {
    this.#beats =
      this.#missing =
      this.#repeated =
      this.#highest =
      this.#longestGap =
      this.#longestGuestGap =
      this.#gapEnd =
        0;
    this.#last = undefined;
  }

  /** A beat has arrived: its number, and the guest's monotonic clock in microseconds. */
  beat(count: number, guestTime: number, arrival: number): void {
    const last = this.#last;
    this.#beats++;
    this.#last = { arrival, guestTime, count };
    if (count <= this.#highest) this.#repeated++;
    else this.#highest = count;
    if (last === undefined) return;
    // A machine that was set back to an earlier state counts from there
    if (count > last.count) {
      this.#missing += count - last.count - 1;
      this.#longestGuestGap = Math.max(this.#longestGuestGap, (guestTime - last.guestTime) / 1000);
    }
    if (arrival - last.arrival > this.#longestGap) {
      this.#longestGap = arrival - last.arrival;
      this.#gapEnd = arrival;
    }
  }

  report(): HeartbeatReport {
    return {
      beats: this.#beats,
      missing: this.#missing,
      repeated: this.#repeated,
      longestGap: this.#longestGap,
      longestGuestGap: this.#longestGuestGap,
      gapEnd: this.#gapEnd,
    };
  }
}
