import { type QmpClient, QmpCommandError } from '../qmp/index.ts';
import { QemuCompatError } from './errors.ts';
import { QEMU_COMPAT_LIMITS } from './limits.ts';

/** One object of a machine. */
export interface MachineObject {
  readonly path: string;
  /** Its QOM type. */
  readonly type: string;
}

/** Parts that hold no device and may be many. */
const NO_DEVICES = /^(irq|qemu:memory-region|qemu:iommu-memory-region|container|memory-region)$/;

/** All objects of a machine below `root`, by queries alone: nothing is touched. */
export async function listObjects(
  client: QmpClient,
  root: string,
  signal: AbortSignal,
): Promise<MachineObject[]> {
  const found: MachineObject[] = [];
  const { objects, depth } = QEMU_COMPAT_LIMITS;
  let level = [root];
  for (let deep = 0; level.length > 0; deep++) {
    if (deep > depth)
      throw new QemuCompatError(
        'ERR_QEMU_ANSWER',
        `A machine’s objects lie more than ${depth} deep below ${root}`,
      );
    const children = (await Promise.all(level.map((path) => childrenOf(client, path, signal)))).flat();
    found.push(...children);
    if (found.length > objects)
      throw new QemuCompatError('ERR_QEMU_ANSWER', `A machine has more than ${objects} objects`);
    level = children.map(({ path }) => path);
  }
  return found;
}

async function childrenOf(client: QmpClient, path: string, signal: AbortSignal): Promise<MachineObject[]> {
  const members = await list(client, path, signal);
  return members.flatMap(({ name, type }) => {
    const child = /^child<(.+)>$/.exec(type)?.[1];
    return child === undefined || (NO_DEVICES.test(child) && child !== 'container')
      ? []
      : [{ path: `${path}/${name}`, type: child }];
  });
}

/** A device that was unplugged between two questions has no members any more. */
async function list(client: QmpClient, path: string, signal: AbortSignal) {
  try {
    return await client.execute('qom-list', { path }, { signal });
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}
