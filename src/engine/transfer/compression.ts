import { CpuPool, type ReceiveSlots, type SendSlots } from '../slots/index.ts';
import type { Proceedings } from './course.ts';

/** Threads that compress or decompress the state of devices, where it travels compressed. */
export async function startCompression(
  slots: SendSlots | ReceiveSlots | undefined,
  deviceMethod: 'none' | 'zstd',
  course: Proceedings,
): Promise<CpuPool | undefined> {
  if (slots === undefined || deviceMethod === 'none') return undefined;
  const { signal } = course;
  return await CpuPool.start(slots, { signal, onFailure: (error) => course.fail(error) });
}
