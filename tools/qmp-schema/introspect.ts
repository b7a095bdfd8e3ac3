import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Peer } from '../../src/launch/index.ts';

/** One member of an object, with what it may leave out. */
export interface SchemaMember {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
}

/** One entity of `query-qmp-schema`, reduced to what the generator needs. */
export type SchemaEntry =
  | { readonly kind: 'builtin'; readonly json: string }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'array'; readonly element: string }
  | { readonly kind: 'alternate'; readonly of: readonly string[] }
  | { readonly kind: 'event'; readonly data: string }
  | { readonly kind: 'command'; readonly args: string; readonly result: string; readonly outOfBand: boolean }
  | {
      readonly kind: 'object';
      readonly members: readonly SchemaMember[];
      readonly tag: string | undefined;
      readonly variants: readonly { readonly value: string; readonly type: string }[];
    };

/** Everything one QEMU can say over its monitor, by the names used on the wire (types by their masked names). */
export interface Schema {
  readonly version: string;
  readonly entries: ReadonlyMap<string, SchemaEntry>;
}

type Json = { readonly [key: string]: unknown };

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(value: unknown, what: string): Json {
  if (!isObject(value)) throw new TypeError(`${what} is not an object`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new TypeError(`${what} is not a string`);
  return value;
}

function list(value: unknown, what: string): Json[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is not an array`);
  return value.map((item) => object(item, what));
}

function entryOf(raw: Json): SchemaEntry {
  const name = text(raw.name, 'name');
  switch (raw['meta-type']) {
    case 'builtin':
      return { kind: 'builtin', json: text(raw['json-type'], name) };
    case 'enum':
      return { kind: 'enum', values: list(raw.members, name).map((member) => text(member.name, name)) };
    case 'array':
      return { kind: 'array', element: text(raw['element-type'], name) };
    case 'alternate':
      return { kind: 'alternate', of: list(raw.members, name).map((member) => text(member.type, name)) };
    case 'event':
      return { kind: 'event', data: text(raw['arg-type'], name) };
    case 'command':
      return {
        kind: 'command',
        args: text(raw['arg-type'], name),
        result: text(raw['ret-type'], name),
        outOfBand: raw['allow-oob'] === true,
      };
    case 'object':
      return {
        kind: 'object',
        members: list(raw.members, name).map((member) => ({
          name: text(member.name, name),
          type: text(member.type, name),
          optional: 'default' in member,
        })),
        tag: raw.tag === undefined ? undefined : text(raw.tag, name),
        variants: list(raw.variants ?? [], name).map((variant) => ({
          value: text(variant.case, name),
          type: text(variant.type, name),
        })),
      };
    default:
      throw new TypeError(`${name} has the unknown meta-type ${String(raw['meta-type'])}`);
  }
}

/** Start `qemu` with no machine and ask it for its schema. */
export async function introspect(qemu: Peer): Promise<Schema> {
  const [program, ...first] = qemu.command;
  const args = [...first, '-M', 'none', '-nodefaults', '-display', 'none', '-qmp', 'stdio'];
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...qemu.env },
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${qemu.path} ended before it had answered`);
    return object(JSON.parse(value), qemu.path);
  };
  const greeting = object((await next()).QMP, 'greeting');
  const { major, minor } = object(object(greeting.version, 'version').qemu, 'version');
  child.stdin.write('{"execute":"qmp_capabilities"}\n{"execute":"query-qmp-schema"}\n');
  await next();
  const entries = list((await next()).return, 'query-qmp-schema');
  child.stdin.write('{"execute":"quit"}\n');
  await exited;
  return {
    version: `${String(major)}.${String(minor)}`,
    entries: new Map(entries.map((raw) => [text(raw.name, 'name'), entryOf(raw)])),
  };
}
