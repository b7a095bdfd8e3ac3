import type { VmstateDump } from '../vmstate/index.ts';

/** How a QEMU is started; a `Peer` of `launch` is one. */
export interface QemuProgram {
  /** The program file itself. */
  readonly path: string;
  /** The first words of its command line: the program, or what starts it, and the arguments that it needs. */
  readonly command: readonly [string, ...string[]];
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A value of a property as QEMU tells it. What has another shape (lists, structures) is not compared. */
export type Scalar = string | number | boolean;

/** One property of a device type or CPU model. */
export interface Property {
  /** QEMU's name of its type, such as `bool`, `uint16`, `link<memory-backend>`. */
  readonly type: string;
  /** What a device has that nobody gives it anything; undefined where QEMU does not say. */
  readonly value: Scalar | undefined;
}

/** A type of device, and what a device of it has by default. CPU models are devices as well. */
export interface DeviceType {
  readonly name: string;
  readonly properties: ReadonlyMap<string, Property>;
  /** Devices that every device of this type is made of, such as the virtio device within a PCI function. */
  readonly inner: readonly string[];
}

/** A default that a machine type sets for devices of `type` and of all types made from it. Later ones win. */
export interface CompatProperty {
  readonly type: string;
  readonly property: string;
  readonly value: string;
}

/** A machine type of one QEMU. */
export interface MachineType {
  readonly name: string;
  /** The name that stands for the newest version of this machine type. */
  readonly alias: string | undefined;
  readonly deprecated: boolean;
  /** QOM type of the CPUs that it has unless told otherwise. */
  readonly defaultCpu: string | undefined;
  readonly compat: readonly CompatProperty[];
}

/** A CPU model of one QEMU. */
export interface CpuModel {
  readonly name: string;
  /** Its QOM type; its properties stand among the devices under this name. */
  readonly type: string;
  /** The model that this name stands for. */
  readonly aliasOf: string | undefined;
  readonly deprecated: boolean;
  /** False for models that mean what the host has (`host`, `max`); undefined where QEMU does not say. */
  readonly migrationSafe: boolean | undefined;
  /** Features of the model that this QEMU cannot give on this host, with the accelerator it was asked under. */
  readonly unavailable: readonly string[];
}

/** What a machine consists of when nothing is added to it. */
export interface BuiltIn {
  /** QOM types of its devices. */
  readonly types: ReadonlySet<string>;
}

/** What one QEMU says about itself. */
export interface QemuDescription {
  /** The program file. */
  readonly path: string;
  readonly version: { readonly major: number; readonly minor: number; readonly micro: number };
  /** What the distribution calls it. */
  readonly package: string;
  /** The architecture of its guests, such as `x86_64`. */
  readonly target: string;
  readonly machines: ReadonlyMap<string, MachineType>;
  /** Whether it tells the properties that its machine types set: from QEMU 9.1 on. */
  readonly tellsCompat: boolean;
  /** QOM types, abstract ones as well, and what each is made from. */
  readonly types: ReadonlyMap<string, string | undefined>;
  readonly devices: ReadonlyMap<string, DeviceType>;
  readonly cpus: ReadonlyMap<string, CpuModel>;
  /** By family of machine types: what its newest version consists of. */
  readonly builtIn: ReadonlyMap<string, BuiltIn>;
  /**
   * How many entries the queues of virtio devices get: as many as the device asks for, or the most that there may be, whatever
   * was asked for. Undefined where it could not be found out.
   */
  readonly queues: 'as-asked' | 'largest' | undefined;
  /** The layout of every device's state. */
  readonly vmstate: VmstateDump;
}

/** What a QEMU without a machine says. */
export type OwnWords = Omit<QemuDescription, 'path' | 'builtIn' | 'queues' | 'vmstate'>;

/** `10.0.13` of `{ major: 10, minor: 0, micro: 13 }`. */
export function formatQemuVersion({ version }: Pick<QemuDescription, 'version'>): string {
  return `${version.major}.${version.minor}.${version.micro}`;
}

/** The name of a machine type without its version, and the version: `pc-q35-10.0` is `pc-q35` and 10.0. */
export function splitMachine(name: string): { family: string; version: readonly number[] | undefined } {
  const match = /^(.+)-(\d+(?:\.\d+)+)$/.exec(name);
  if (match === null) return { family: name, version: undefined };
  return { family: match[1]!, version: match[2]!.split('.').map(Number) };
}

/** Orders versions by their numbers: negative when `a` is older. */
export function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== (b[index] ?? -1));
  if (at < 0) return a.length - b.length;
  return a[at]! - (b[at] ?? -1);
}

/** Machine types without a guest that could move. */
export const NOT_MOVED: ReadonlySet<string> = new Set(['none', 'x-remote']);

/** `type` and everything it is made from. */
export function ancestry(types: QemuDescription['types'], type: string): Set<string> {
  const found = new Set<string>();
  for (let at: string | undefined = type; at !== undefined && !found.has(at); at = types.get(at))
    found.add(at);
  return found;
}
