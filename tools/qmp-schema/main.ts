/**
 * Writes src/qmp/generated/ from what real QEMUs say about themselves:
 *
 *     node --conditions=ferry-source tools/qmp-schema/main.ts
 *
 * asks the cached QEMU of each version that Ferry supports, oldest first.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePeer, findPeers } from '../../src/launch/index.ts';
import { type Command, Emitter, type Event } from './emit.ts';
import { introspect, type Schema } from './introspect.ts';
import { Merger, pascal, type Type } from './merge.ts';
import { COMMANDS, EVENTS } from './used.ts';

const SUPPORTED = ['10.0', '11.1'];

const peers = await findPeers();
const schemas: Schema[] = [];
for (const version of SUPPORTED)
  schemas.push(await introspect(choosePeer(peers, 'qemu-system-x86_64', { version })));
const merger = new Merger(schemas);
const versions = schemas.map(({ version }) => version);

const commands: Command[] = COMMANDS.map((name) => {
  const ids = schemas.map(({ entries }) => (entries.has(name) ? name : undefined));
  const found = merger.entries(ids, 'command');
  const path = pascal(name);
  return {
    name,
    args: merger.type(
      found.map((command) => command?.args),
      `${path}Arguments`,
      'sent',
    ),
    result: merger.type(
      found.map((command) => command?.result),
      `${path}Result`,
      'received',
    ),
    outOfBand: found.every((command) => command?.outOfBand !== false),
    only: found.includes(undefined) ? versions.filter((_, index) => found[index] !== undefined) : undefined,
  };
});
const events: Event[] = EVENTS.map((name) => {
  const ids = schemas.map(({ entries }) => (entries.has(name) ? name : undefined));
  const found = merger.entries(ids, 'event');
  return {
    name,
    data: merger.type(
      found.map((event) => event?.data),
      `${pascal(name)}Event`,
      'received',
    ),
  };
});

const received = new Set<string>();
function collect(type: Type): void {
  if (type.kind === 'array') collect(type.of);
  if (type.kind === 'anyOf') type.of.forEach(collect);
  if (type.kind !== 'named' || received.has(type.name)) return;
  const named = merger.named.get(type.name);
  if (named?.kind !== 'object') return;
  received.add(type.name);
  for (const member of named.members) collect(member.type);
}
for (const { result } of commands) collect(result);
for (const { data } of events) collect(data);

const emitter = new Emitter(merger, received, versions);
const folder = join(import.meta.dirname, '../../src/qmp/generated');
writeFileSync(join(folder, 'types.ts'), emitter.types());
writeFileSync(join(folder, 'shapes.ts'), emitter.shapes());
writeFileSync(join(folder, 'commands.ts'), emitter.commands(commands));
writeFileSync(join(folder, 'events.ts'), emitter.events(events));
console.log(
  `${commands.length} commands, ${events.length} events, ${merger.named.size} types (QEMU ${versions.join(', ')})`,
);
