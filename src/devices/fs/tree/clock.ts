/**
 * The time of day. It is read once per request at most, and has the resolution of a millisecond: finer than what the
 * kernel's own file systems stamp files with.
 */
export class Clock {
  seconds = 0;
  nanos = 0;

  /** Take the time: `seconds` and `nanos` hold it then. */
  tick(): void {
    const milliseconds = Date.now();
    this.seconds = Math.floor(milliseconds / 1000);
    this.nanos = (milliseconds - this.seconds * 1000) * 1_000_000;
  }
}
