import { isName } from '../state/index.ts';
import {
  type Profile,
  ProtocolFeature,
  SERVED_PROTOCOL_FEATURES,
  VirtioFeature,
} from '../vhost-user/index.ts';
import { MAX_QUEUE_SIZE } from '../virtio/index.ts';
import type { Device } from './device.ts';
import { DeviceError } from './errors.ts';
import type { DeviceSettings } from './settings.ts';

const TRANSPORT_FEATURES =
  VirtioFeature.LOG_ALL |
  VirtioFeature.INDIRECT_DESC |
  VirtioFeature.EVENT_IDX |
  VirtioFeature.PROTOCOL_FEATURES |
  VirtioFeature.VERSION_1;

/** Bits 0 to 23 and 50 to 127 are a device type's own (virtio 1.2, section 2.2); of 64 bits that leaves these. */
const DEVICE_TYPE_BITS = 0xfffc_0000_00ff_ffffn;

/** Queue indices travel in a byte. */
const MAX_QUEUES = 256;

/** Requests that outlive the process that took them: only for a device that can do them twice. */
const INFLIGHT = ProtocolFeature.INFLIGHT_SHMFD | ProtocolFeature.GET_VRING_BASE_INFLIGHT;

/** What a device offers to front ends. Throws `ERR_DEVICE` for a device that contradicts the rules. */
export function profileOf(
  device: Device,
  { memorySlots, packed }: Pick<DeviceSettings, 'memorySlots' | 'packed'>,
): Profile {
  const problem = findProblem(device);
  if (problem !== undefined)
    throw new DeviceError('ERR_DEVICE', `The ${device.identity.name} device cannot be served: ${problem}`);
  const unused =
    (device.config === undefined ? ProtocolFeature.CONFIG : 0n) |
    (device.offersInflight === true ? 0n : INFLIGHT);
  return {
    features: TRANSPORT_FEATURES | (packed ? VirtioFeature.RING_PACKED : 0n) | device.features,
    protocolFeatures: SERVED_PROTOCOL_FEATURES & ~unused,
    queues: device.queues.count,
    maxQueueSize: device.queues.maxSize,
    memorySlots,
  };
}

function findProblem({ identity, features, queues, sections }: Device): string | undefined {
  if (!isName(identity.name)) return `its name is ${JSON.stringify(identity.name)}`;
  if (!isVersion(identity.stateVersion)) return `its state version is ${identity.stateVersion}`;
  if ((features & ~DEVICE_TYPE_BITS) !== 0n)
    return `feature bits 0x${(features & ~DEVICE_TYPE_BITS).toString(16)} are the transport's`;
  const { count, maxSize } = queues;
  if (!(count >= 1 && count <= MAX_QUEUES)) return `it has ${count} queues, 1 to ${MAX_QUEUES} are possible`;
  if (!(maxSize >= 1 && maxSize <= MAX_QUEUE_SIZE) || (maxSize & (maxSize - 1)) !== 0)
    return `its queues have up to ${maxSize} entries, expected a power of two up to ${MAX_QUEUE_SIZE}`;
  const names = sections.map(({ name }) => name);
  const odd = sections.find(
    ({ name, version }) => !isName(name) || name.startsWith('ferry.') || !isVersion(version),
  );
  if (odd !== undefined) return `its section ${odd.name} version ${odd.version} cannot be`;
  if (new Set(names).size < names.length) return 'two of its sections have one name';
  return undefined;
}

function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= 0xffffffff;
}
