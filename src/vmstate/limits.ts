/** Bounds of one dump. Each can be set by who decodes it. */
export interface VmstateLimits {
  /** Bytes of the text; QEMU 11.1 for x86-64 writes some 911 500. */
  readonly text: number;
  /** Objects and lists in the text; QEMU 11.1 for x86-64 writes 6589. */
  readonly containers: number;
  /** Members of all objects; QEMU 11.1 for x86-64 writes 23 356. */
  readonly members: number;
  /** Objects and lists within one another; a description within a description takes three. */
  readonly depth: number;
  /** Devices of a dump; QEMU 11.1 for x86-64 has 236. */
  readonly devices: number;
  /** Fields or subsections of one description; the longest of QEMU 11.1 for x86-64 has 70. */
  readonly list: number;
  /** Fields of all descriptions; QEMU 11.1 for x86-64 has 4607. */
  readonly fields: number;
  /** Characters of a name. */
  readonly name: number;
}

export const VMSTATE_LIMITS: VmstateLimits = {
  text: 16 * 1024 * 1024,
  containers: 262_144,
  members: 1_048_576,
  depth: 64,
  devices: 4096,
  list: 4096,
  fields: 131_072,
  name: 256,
};

/** Fields that a structure is spelt out into when layouts are compared; longer ones are told by their names alone. */
export const MAX_LAYOUT = 4096;
