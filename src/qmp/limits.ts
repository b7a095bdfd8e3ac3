/** Bounds of a monitor connection. Each can be set when connecting. */
export interface QmpLimits {
  /** Longest line taken from QEMU, in bytes. The longest known, the answer to query-qmp-schema, has 250 000. */
  readonly lineBytes: number;
  /** Events that wait for a slow reader before its subscription fails. */
  readonly eventQueue: number;
  /** Commands in flight. QEMU stops reading, out-of-band commands included, at 8 in its queue. */
  readonly inFlight: number;
  /** Commands whose caller gave up before QEMU answered; one more and the connection is given up too. */
  readonly abandoned: number;
  /** Time for connecting, the greeting and the negotiation of capabilities, in milliseconds. */
  readonly connectMs: number;
  /** Time for one command, in milliseconds, when the caller names none. */
  readonly commandMs: number;
}

export const QMP_LIMITS: QmpLimits = {
  lineBytes: 8 * 1024 * 1024,
  eventQueue: 1024,
  inFlight: 6,
  abandoned: 64,
  connectMs: 5_000,
  commandMs: 10_000,
};
