/** Dumps in few words. */
import { type Description, decodeDump, type Field, type VmstateDump } from '../../../src/vmstate/index.ts';

export interface Shape {
  readonly name?: string;
  readonly version?: number;
  readonly minimum?: number;
  readonly fields?: readonly FieldShape[] | undefined;
  readonly subsections?: readonly Shape[];
}

export interface FieldShape {
  readonly name: string;
  readonly size?: number;
  readonly count?: number;
  readonly version?: number;
  readonly conditional?: boolean;
  readonly inside?: Shape | undefined;
}

/** A field of four bytes. */
export function u32(name: string, more: Partial<FieldShape> = {}): FieldShape {
  return { name, size: 4, ...more };
}

/** Bytes without a meaning. */
export function unused(size: number): FieldShape {
  return { name: 'unused', size };
}

/** A structure, described by `inside`. */
export function structure(name: string, inside: Shape, more: Partial<FieldShape> = {}): FieldShape {
  return { name, size: 100, inside, ...more };
}

/** The text of a dump with these devices, as QEMU writes it. */
export function textOf(devices: Readonly<Record<string, Shape>>, machine = 'none'): string {
  const written = Object.entries(devices).map(([name, shape]) => {
    const { version_id, minimum_version_id } = write(shape, name);
    return [name, { Name: name, version_id, minimum_version_id, Description: write(shape, name) }];
  });
  return JSON.stringify({ vmschkmachine: { Name: machine }, ...Object.fromEntries(written) });
}

export function dumpOf(devices: Readonly<Record<string, Shape>>, machine?: string): VmstateDump {
  return decodeDump(textOf(devices, machine));
}

/** A dump of one device called `nic`. */
export function nic(shape: Shape): VmstateDump {
  return dumpOf({ nic: shape });
}

/** The shape that was decoded, for changing it. */
export function shapeOf({ name, version, minimumVersion, fields, subsections }: Description): Shape {
  return {
    name,
    version,
    minimum: minimumVersion,
    fields: fields?.map(fieldShape),
    subsections: subsections.map(shapeOf),
  };
}

function fieldShape({ name, version, conditional, size, count, description }: Field): FieldShape {
  return {
    ...{ name, version, conditional, size },
    ...(count !== undefined && { count }),
    ...(description && { inside: shapeOf(description) }),
  };
}

interface Written {
  readonly version_id: number;
  readonly minimum_version_id: number;
}

function write(shape: Shape, otherwise: string): Written {
  const { name = otherwise, version = 1, minimum = version, subsections = [] } = shape;
  const fields = 'fields' in shape ? shape.fields : [];
  return {
    ...{ name, version_id: version, minimum_version_id: minimum },
    ...(fields && { Fields: fields.map(writeField) }),
    ...(subsections.length > 0 && { Subsections: subsections.map((each) => write(each, name)) }),
  };
}

function writeField({ name, size = 4, count, version = 0, conditional = false, inside }: FieldShape): object {
  return {
    ...{ field: name, version_id: version, field_exists: conditional, size },
    ...(count !== undefined && { num: count }),
    ...(inside && { Description: write(inside, name) }),
  };
}
