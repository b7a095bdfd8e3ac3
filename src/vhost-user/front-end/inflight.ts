import { fstatSync } from 'node:fs';
import { closeAll, type Fd } from '../../sys/index.ts';
import { FrontEndRequest, requestName } from '../constants.ts';
import { MAX_INFLIGHT } from '../limits.ts';
import { inflightPayload } from '../payloads.ts';
import type { Channel } from './channel.ts';
import { badReply } from './errors.ts';

/** The shape of an inflight region: for how many queues, of which size at most. */
export interface InflightShape {
  readonly queues: number;
  readonly queueSize: number;
}

/**
 * Memory in which a back end notes the requests it has taken and not finished. It was made by a back end and is kept by
 * the front end, so that a back end which died can find its requests again.
 */
export class InflightRegion implements InflightShape, Disposable {
  readonly queues: number;
  readonly queueSize: number;
  /** Bytes, within the file. */
  readonly size: number;
  readonly offset: number;
  readonly fd: Fd;

  /** Takes over `fd`. Throws `ERR_BAD_REPLY` for a region that is not in its file, or larger than any can be. */
  constructor(fd: Fd, place: { size: number; offset: number }, { queues, queueSize }: InflightShape) {
    this.fd = fd;
    this.size = place.size;
    this.offset = place.offset;
    this.queues = queues;
    this.queueSize = queueSize;
    try {
      checkPlace(fd, place);
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.fd[Symbol.dispose]();
  }
}

/** GET_INFLIGHT_FD; undefined where the back end has none to give. */
export function getInflight(
  channel: Channel,
  { queues, queueSize }: InflightShape,
): InflightRegion | undefined {
  const request = inflightPayload.encode({ size: 0, offset: 0, queues, queueSize });
  const { payload, fds } = channel.ask(FrontEndRequest.GET_INFLIGHT_FD, request);
  try {
    if (payload.length !== inflightPayload.size)
      throw badInflight(`${payload.length} bytes, expected ${inflightPayload.size}`);
    const answer = inflightPayload.decode(payload);
    const expected = answer.size === 0 ? 0 : 1;
    if (fds.length !== expected)
      throw badInflight(
        `${fds.length} descriptors for a region of ${answer.size} bytes, expected ${expected}`,
      );
    if (answer.size === 0) return undefined;
    if (answer.queues !== queues || answer.queueSize !== queueSize)
      throw badInflight(
        `A region for ${answer.queues} queues of ${answer.queueSize}, expected ${queues} of ${queueSize}`,
      );
    return new InflightRegion(fds.pop()!, answer, { queues, queueSize });
  } finally {
    closeAll(fds);
  }
}

/** SET_INFLIGHT_FD: hand the region to a back end, before its rings start. */
export function setInflight(channel: Channel, { size, offset, queues, queueSize, fd }: InflightRegion): void {
  channel.tell(FrontEndRequest.SET_INFLIGHT_FD, inflightPayload.encode({ size, offset, queues, queueSize }), [
    fd,
  ]);
}

/** The size that a back end announces is not to be trusted: whoever maps more than the file has dies of it. */
function checkPlace(fd: Fd, { size, offset }: { size: number; offset: number }): void {
  if (size > MAX_INFLIGHT) throw badInflight(`A region of ${size} bytes, at most ${MAX_INFLIGHT} make sense`);
  const stat = fstatSync(fd.number);
  if (!stat.isFile()) throw badInflight('The descriptor is not one of memory or a file');
  if (offset + size > stat.size)
    throw badInflight(`A region of bytes ${offset} to ${offset + size} in a file of ${stat.size}`);
}

function badInflight(message: string) {
  return badReply(`reply to ${requestName(FrontEndRequest.GET_INFLIGHT_FD)}`, message);
}
