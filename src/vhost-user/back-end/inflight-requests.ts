import { RequestError } from '../errors.ts';
import { inflightPayload } from '../payloads.ts';
import type { Context } from './context.ts';
import { createInflightRegion, type InflightExtent, mapInflightRegion } from './inflight-region.ts';
import type { Answer, Request } from './request.ts';

/**
 * `u64 size, u64 offset, u16 queues, u16 queue size, u32 reserved`, of which queues and queue size count. Answered
 * alike, with the descriptor of a new region: it is the one in use, until another comes.
 */
export function getInflight(context: Context, { payload }: Request): Answer {
  const extent = decodeExtent(context, payload);
  const { region, size, fd } = createInflightRegion(extent, context.kind);
  context.replaceInflight(region);
  return { payload: inflightPayload.encode({ ...extent, size, offset: 0 }), fd };
}

/** As GET_INFLIGHT_FD is answered: the region that this back end, or another one before it, made for these queues. */
export function setInflight(context: Context, { payload, fds }: Request): undefined {
  const extent = decodeExtent(context, payload);
  const { size, offset } = inflightPayload.decode(payload);
  const region = mapInflightRegion(fds[0]!, { ...extent, size, offset }, context.kind, context.warnOfMemory);
  context.replaceInflight(region);
}

function decodeExtent(context: Context, payload: Uint8Array): InflightExtent {
  const { queues, queueSize } = inflightPayload.decode(payload);
  const { profile } = context.backEnd;
  if (context.anyStarted)
    throw new RequestError('ERR_NOT_NOW', 'The inflight region cannot change while a ring is running');
  if (queues === 0 || queues > profile.queues || queueSize === 0 || queueSize > profile.maxQueueSize)
    throw new RequestError(
      'ERR_INFLIGHT',
      `An inflight region for ${queues} queues of ${queueSize} entries, expected 1 to ${profile.queues} queues ` +
        `of 1 to ${profile.maxQueueSize}`,
    );
  return { queues, queueSize };
}
