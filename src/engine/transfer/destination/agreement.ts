import { RAM_PAGE_SIZE } from '../../payloads/index.ts';
import { type MessageOf, VERSION } from '../control/messages.ts';
import { titleOf } from '../device-work.ts';
import type { DestinationMachine, DeviceName } from '../machine.ts';

/** Names that occur more than once. */
function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}

/**
 * Everything that speaks against receiving what the source proposes into this machine, each with what was found and what was
 * expected. Empty where nothing does.
 */
export function objections(
  open: MessageOf<'open'>,
  machine: DestinationMachine,
  limits: { readonly oneWay: boolean; readonly maxChannels: number },
): string[] {
  if (open.oldest > VERSION || open.version < VERSION)
    return [`it speaks versions ${open.oldest} to ${open.version}, this end ${VERSION}`];
  return [...objectionsToWay(open, limits), ...objectionsToMachine(open, machine)];
}

function objectionsToWay(
  open: MessageOf<'open'>,
  { oneWay, maxChannels }: { readonly oneWay: boolean; readonly maxChannels: number },
): string[] {
  const found: string[] = [];
  if (open.oneWay !== oneWay)
    found.push(open.oneWay ? 'it is meant for a folder' : 'it expects answers, and this is a folder');
  if (open.channels < 1 || open.channels > maxChannels)
    found.push(`it has ${open.channels} channels, expected 1 to ${maxChannels}`);
  if (oneWay && (open.checksum || open.deviceMethod !== 'none'))
    found.push('it has extensions that files do not hold');
  return found;
}

function objectionsToMachine(open: MessageOf<'open'>, machine: DestinationMachine): string[] {
  const found: string[] = [];
  if (Buffer.compare(open.uuid, machine.uuid) !== 0)
    found.push(`its UUID is ${hex(open.uuid)}, expected ${hex(machine.uuid)}`);
  if (open.pageSize !== RAM_PAGE_SIZE)
    found.push(`its pages have ${open.pageSize} bytes, expected ${RAM_PAGE_SIZE}`);
  return [
    ...found,
    ...objectionsToBlocks(open, machine),
    ...objectionsToDevices(open.devices, machine.devices),
  ];
}

function objectionsToBlocks({ blocks }: MessageOf<'open'>, machine: DestinationMachine): string[] {
  const found = twice(blocks.map(({ name }) => name)).map((name) => `it has two memory blocks ${name}`);
  const here = new Map(machine.blocks.map(({ name, length }) => [name, length]));
  for (const { name, length } of blocks) {
    const expected = here.get(name);
    if (expected === undefined) found.push(`its memory block ${name} is not here`);
    else if (expected !== length)
      found.push(`its memory block ${name} has ${length} bytes, expected ${expected}`);
  }
  const there = new Set(blocks.map(({ name }) => name));
  for (const name of here.keys()) if (!there.has(name)) found.push(`it has no memory block ${name}`);
  return found;
}

function objectionsToDevices(there: readonly DeviceName[], here: readonly DeviceName[]): string[] {
  const [theirs, ours] = [there.map(titleOf), here.map(titleOf)];
  return [
    ...twice(theirs).map((title) => `it has two devices ${title}`),
    ...theirs.filter((title) => !ours.includes(title)).map((title) => `its device ${title} is not here`),
    ...ours.filter((title) => !theirs.includes(title)).map((title) => `it has no device ${title}`),
  ];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
