/** What `qemu-system-… -dump-vmstate FILE -machine TYPE` says about one binary, for one machine type. */
export interface VmstateDump {
  /** The machine type, such as `pc-q35-10.0`. It changes nothing in the rest of the dump. */
  readonly machine: string;
  /** By name of the QOM type, sorted, such as `virtio-net-pci`; abstract parents are among them. */
  readonly devices: ReadonlyMap<string, VmstateDevice>;
}

/** A device type with a description of its state. */
export interface VmstateDevice {
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  readonly description: Description | undefined;
}

/**
 * A description (VMStateDescription): what is sent is its fields in order, then those subsections that are needed. The
 * version of a device and of a subsection goes before it; that of a structure in another description does not.
 */
export interface Description {
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  /** Undefined where there is no list at all, which is how QEMU declares a device that cannot be migrated. */
  readonly fields: readonly Field[] | undefined;
  readonly subsections: readonly Description[];
}

/** A field of a description. Sizes are those in QEMU's memory. */
export interface Field {
  /** Several fields of one description may have the same one; `unused` are bytes without a meaning. */
  readonly name: string;
  /** The field is there in descriptions from this version on. */
  readonly version: number;
  /** A function of QEMU's says whether the field is there (`field_exists`), whatever its version. */
  readonly conditional: boolean;
  /** Bytes of one element; 0 where the length is only known at run time. */
  readonly size: number;
  /** Elements of an array of fixed length. */
  readonly count: number | undefined;
  /** Of a structure: its own description. */
  readonly description: Description | undefined;
}

/** Whether the field's bytes are padding that no side looks at. */
export function isPadding(field: Field): boolean {
  return field.name === 'unused' && field.description === undefined;
}

/** Bytes of all elements of the field. */
export function bytesOf(field: Field): number {
  return field.size * (field.count ?? 1);
}
