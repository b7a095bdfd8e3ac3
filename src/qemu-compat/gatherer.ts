import type { CompareQemusOptions, UsedDevice, VmUse } from './comparison.ts';
import { ancestry, type MachineType, type QemuDescription, splitMachine } from './description.ts';
import { byWeight, type QemuReason } from './reason.ts';

/** A machine type that both sides have. */
export interface CommonMachine {
  readonly name: string;
  readonly here: MachineType;
  readonly there: MachineType;
}

/** What one check says; the gatherer adds the rest. */
export type Found = Omit<QemuReason, 'ifUsed' | 'machines' | 'where'>;

/** Gathers reasons, and knows which of them count: for VMs of a machine type, or for the one VM in question. */
export class Gatherer {
  readonly source: QemuDescription;
  readonly destination: QemuDescription;
  readonly use: VmUse | undefined;
  readonly #where: { readonly where?: string };
  readonly #reasons = new Map<string, QemuReason & { readonly machines: string[] }>();
  readonly #always = new Map<string, ReadonlySet<string>>();
  readonly #used: ReadonlySet<string> | undefined;
  readonly #ofHost: ReadonlySet<string>;
  #types: readonly string[] | undefined;
  readonly #ofType = new Map<string, readonly UsedDevice[]>();

  constructor(source: QemuDescription, destination: QemuDescription, { use, where }: CompareQemusOptions) {
    this.source = source;
    this.destination = destination;
    this.use = use;
    this.#where = where === undefined ? {} : { where };
    this.#ofHost = new Set(
      [...source.cpus.values()].flatMap(({ type, migrationSafe }) => (migrationSafe === false ? [type] : [])),
    );
    this.#used = use && this.#withAncestors([...use.cpus, ...use.devices.map(({ type }) => type)]);
    if (use !== undefined) this.#ofType = Map.groupBy(use.devices, ({ type }) => type);
  }

  /** Whether devices of `type`, or made from it, are to be looked at. */
  concerns(type: string): boolean {
    return this.#used?.has(type) ?? true;
  }

  /** Device types that both sides have, to be looked at. CPU models that mean what the host has differ everywhere: not these. */
  get types(): readonly string[] {
    this.#types ??= [...this.source.devices.keys()].filter(
      (type) => this.destination.devices.has(type) && this.concerns(type) && !this.#ofHost.has(type),
    );
    return this.#types;
  }

  /** The devices of exactly this type in the VM in question; undefined when there is no such VM. */
  used(type: string): readonly UsedDevice[] | undefined {
    return this.use && (this.#ofType.get(type) ?? []);
  }

  /** Something about `machines`, or about devices of `found.device` on them. What is said of several is one reason. */
  add(machines: readonly string[], found: Found): void {
    const { device } = found;
    if (device !== undefined && !this.concerns(device)) return;
    for (const machine of machines) {
      const ifUsed = device !== undefined && this.use === undefined && !this.#brings(machine, device);
      const key = JSON.stringify([ifUsed, found]);
      const known = this.#reasons.get(key);
      if (known !== undefined) known.machines.push(machine);
      else this.#reasons.set(key, { ...found, ...this.#where, ifUsed, machines: [machine] });
    }
  }

  /** Everything that was found, by weight. */
  reasons(): QemuReason[] {
    return [...this.#reasons.values()].sort(byWeight);
  }

  /** Whether every machine of that type has a device of `type` by itself. */
  #brings(machine: string, type: string): boolean {
    const { family } = splitMachine(machine);
    let types = this.#always.get(family);
    if (types === undefined) {
      types = this.#withAncestors(this.source.builtIn.get(family)?.types ?? []);
      this.#always.set(family, types);
    }
    return types.has(type);
  }

  #withAncestors(types: Iterable<string>): Set<string> {
    const all = new Set<string>();
    for (const type of types) for (const ancestor of ancestry(this.source.types, type)) all.add(ancestor);
    return all;
  }
}
