/** Bounds of what is taken from a QEMU that describes itself. */
export interface QemuCompatLimits {
  /** For one description of a QEMU: starting it, asking, its end. */
  readonly describeMs: number;
  /** For one question. */
  readonly answerMs: number;
  /** For the end of a process whose monitor has gone. */
  readonly lastWordsMs: number;
  /** Machine types of one QEMU. */
  readonly machines: number;
  /** Families of machine types whose newest one is looked at, those with versions first. */
  readonly families: number;
  /** Compatibility properties of one machine type. */
  readonly compatProperties: number;
  /** QOM types of one QEMU. */
  readonly types: number;
  /** Properties of all device types and CPU models of one QEMU together. */
  readonly properties: number;
  /** CPU models of one QEMU. */
  readonly cpus: number;
  /** Bytes of what `-dump-vmstate` writes. */
  readonly dumpBytes: number;
  /** Objects of one machine. */
  readonly objects: number;
  /** Levels of the tree of a machine's objects. */
  readonly depth: number;
}

export const QEMU_COMPAT_LIMITS: QemuCompatLimits = {
  describeMs: 30_000,
  answerMs: 10_000,
  lastWordsMs: 500,
  machines: 1024,
  families: 8,
  compatProperties: 4096,
  types: 16_384,
  properties: 524_288,
  cpus: 2048,
  dumpBytes: 16 * 1024 * 1024,
  objects: 16_384,
  depth: 16,
};
