import { type DirtyLog, mapDirtyLog, mapRegion, type Region } from '../../memory/index.ts';
import { RequestError } from '../errors.ts';
import { logPayload, memRegion, memTableHead, singleRegion, u64Payload } from '../payloads.ts';
import type { Context } from './context.ts';
import type { Answer, Request } from './request.ts';

/**
 * `u32 count, u32 reserved`, then for each region `u64 guest address, u64 size, u64 user address, u64 file offset`; one
 * descriptor a region, in order. Replaces the whole table.
 */
export function setMemoryTable(context: Context, { payload, fds }: Request): undefined {
  const { count } = memTableHead.decode(payload);
  const expected = memTableHead.size + count * memRegion.size;
  if (payload.length !== expected)
    throw new RequestError(
      'ERR_PAYLOAD_SIZE',
      `A table of ${count} regions in ${payload.length} bytes, expected ${expected}`,
    );
  if (fds.length !== count)
    throw new RequestError('ERR_FD_COUNT', `${fds.length} descriptors for ${count} memory regions`);
  const regions: Region[] = [];
  try {
    for (const [i, fd] of fds.entries()) {
      const place = memRegion.decode(payload, memTableHead.size + i * memRegion.size);
      regions.push(mapRegion(fd, context.placeOf(place), context.warnOfMemory));
    }
    context.changeMemory(regions);
  } catch (error) {
    for (const region of regions) region[Symbol.dispose]();
    throw error;
  }
}

/** `u64 reserved`, then a region as in SET_MEM_TABLE, and its descriptor. */
export function addRegion(context: Context, { payload, fds }: Request): undefined {
  const place = context.placeOf(singleRegion.decode(payload));
  const region = mapRegion(fds[0]!, place, context.warnOfMemory);
  try {
    context.changeMemory([...context.memory.regions, region]);
  } catch (error) {
    region[Symbol.dispose]();
    throw error;
  }
}

/** As ADD_MEM_REG; guest address, user address and size tell which region goes. */
export function removeRegion(context: Context, { payload }: Request): undefined {
  const region = context.memory.region(context.placeOf(singleRegion.decode(payload)));
  context.changeMemory(context.memory.regions.filter((other) => other !== region));
}

/** `u64 size, u64 offset` and the descriptor of the dirty bitmap. */
export function setLogBase(context: Context, { payload, fds }: Request): Answer {
  const { size, offset } = logPayload.decode(payload);
  const log: DirtyLog = mapDirtyLog(fds[0]!, offset, size);
  context.replaceLog(log);
  // Peers differ in the size they answer with; front ends take any
  return { payload: u64Payload.encode({ value: 0n }) };
}
