import type { ConfigSpace } from '../../device/index.ts';
import { FerryError } from '../../errors.ts';

/** Bytes of a tag in the configuration space; the rest of a shorter one is zero. */
const TAG_SIZE = 36;
const CONFIG_SIZE = TAG_SIZE + 4;

/**
 * The configuration space of a virtio-fs device: the tag that a guest mounts it by, and how many request queues there
 * are. Throws `ERR_FS_TAG` for a tag that is empty or does not fit.
 */
export function fsConfig(tag: string, requestQueues: number): ConfigSpace {
  const name = new TextEncoder().encode(tag);
  if (name.length === 0 || name.length > TAG_SIZE || name.includes(0))
    throw new FerryError(
      'ERR_FS_TAG',
      `The tag ${JSON.stringify(tag)} has ${name.length} bytes, expected 1 to ${TAG_SIZE} without NUL`,
    );
  const bytes = new Uint8Array(CONFIG_SIZE);
  bytes.set(name);
  new DataView(bytes.buffer).setUint32(TAG_SIZE, requestQueues, true);
  return { read: (offset, length) => bytes.slice(offset, offset + length) };
}
