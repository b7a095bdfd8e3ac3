/** What machines consist of by themselves, and how large their virtio queues are: seen on machines that never run. */
import { type QmpClient, QmpCommandError } from '../qmp/index.ts';
import { askQemu } from './ask.ts';
import {
  type BuiltIn,
  compareNumbers,
  NOT_MOVED,
  type OwnWords,
  type QemuDescription,
  type QemuProgram,
  splitMachine,
} from './description.ts';
import { QEMU_COMPAT_LIMITS } from './limits.ts';
import { listObjects } from './objects.ts';

/** A virtio device that asks for 8 entries and needs nothing else. */
const SAMPLE = { type: 'virtio-rng-pci', id: 'ferry-sample', asks: 8 } as const;

/**
 * Starts the newest machine type of each family of `own` (PC machines and their like; others need arguments that are not
 * known here) and lists what it is made of. A family whose machine does not start is left out.
 */
export async function builtInMachines(
  program: QemuProgram,
  own: OwnWords,
  signal: AbortSignal,
): Promise<Pick<QemuDescription, 'builtIn' | 'queues'>> {
  const builtIn = new Map<string, BuiltIn>();
  let queues: QemuDescription['queues'];
  for (const machine of newestOfFamilies(own.machines.keys())) {
    const { family, version } = splitMachine(machine);
    const sample =
      version === undefined || !own.devices.has(SAMPLE.type)
        ? []
        : ['-device', `${SAMPLE.type},id=${SAMPLE.id}`];
    const seen = await lookAt(
      program,
      ['-machine', machine, '-accel', 'tcg', '-m', '64M', ...sample],
      signal,
    );
    if (seen === undefined) continue;
    builtIn.set(family, { types: seen.types });
    queues ??= seen.queues;
  }
  return { builtIn, queues };
}

/** One machine type of each family, the one of the highest version; of some families where there are many. */
export function newestOfFamilies(names: Iterable<string>): string[] {
  const newest = new Map<string, { name: string; version: readonly number[] }>();
  for (const name of names) {
    const { family, version = [] } = splitMachine(name);
    if (NOT_MOVED.has(family)) continue;
    const known = newest.get(family);
    if (known === undefined || compareNumbers(version, known.version) > 0)
      newest.set(family, { name, version });
  }
  return [...newest.values()]
    .sort((a, b) => Number(b.version.length > 0) - Number(a.version.length > 0))
    .slice(0, QEMU_COMPAT_LIMITS.families)
    .map(({ name }) => name);
}

interface Seen {
  readonly types: Set<string>;
  readonly queues: QemuDescription['queues'];
}

/** Undefined when this machine cannot be had without further arguments. */
async function lookAt(
  program: QemuProgram,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Seen | undefined> {
  try {
    return await askQemu(program, args, signal, async (client) => {
      const types = new Set<string>();
      for (const { type, path } of await listObjects(client, '/machine', signal))
        if (!path.startsWith('/machine/peripheral/')) types.add(type);
      return { types, queues: await sampleQueue(client, signal) };
    });
  } catch (error) {
    signal.throwIfAborted();
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_QEMU_START' || error.code === 'ERR_LAUNCH_ENDED')
  );
}

/** How many entries the sample's queue got. The question is not a stable one of QEMU: no answer is an answer too. */
async function sampleQueue(client: QmpClient, signal: AbortSignal): Promise<QemuDescription['queues']> {
  const path = `/machine/peripheral/${SAMPLE.id}/virtio-backend`;
  try {
    const status = await client.execute('x-query-virtio-queue-status', { path, queue: 0 }, { signal });
    return status['vring-num-default'] === SAMPLE.asks ? 'as-asked' : 'largest';
  } catch (error) {
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}
