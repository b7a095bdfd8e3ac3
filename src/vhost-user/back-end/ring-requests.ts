import { type Fd, signalEventfd } from '../../sys/index.ts';
import { initialBase } from '../../virtio/index.ts';
import { VringFd } from '../constants.ts';
import { RequestError } from '../errors.ts';
import { u64Payload, vringAddr, vringState } from '../payloads.ts';
import type { Context } from './context.ts';
import { type Answer, type Request, takeFd } from './request.ts';
import { type RingState, refuseBase, requireEventfd } from './ring-state.ts';

/** `u32 ring, u32 entries`: a power of two, unless the ring is packed. */
export function setRingSize(context: Context, { payload }: Request): undefined {
  const { index, num } = vringState.decode(payload);
  const ring = context.stoppedRing(index);
  const { maxQueueSize } = context.backEnd.profile;
  const even = (num & (num - 1)) === 0 || context.mayBePacked;
  if (num === 0 || num > maxQueueSize || !even)
    throw new RequestError(
      'ERR_RING_SIZE',
      `Ring ${index} with ${num} entries, expected a power of two up to ${maxQueueSize}`,
    );
  ring.size = num;
}

/**
 * `u32 ring, u32 flags, u64 descriptors, u64 used, u64 available, u64 log`. Comes again for a running ring when its
 * writes are to be logged, or no longer.
 */
export function setRingAddresses(context: Context, { payload }: Request): undefined {
  const { index, ...place } = vringAddr.decode(payload);
  const ring = context.ring(index);
  if (ring.started) ring.relocate(context.memory, place);
  else ring.locate(context.memory, context.kind, place);
  ring.place = place;
  context.followLog();
}

/**
 * `u32 ring`, then where to start. Split: u32 index of the available ring, of 16 bits. Packed: 15 bits next descriptor
 * to take, 1 bit its wrap counter, and the same for the next one to give back. Features may still come.
 */
export function setRingBase(context: Context, { payload }: Request): undefined {
  const { index, num } = vringState.decode(payload);
  const ring = context.stoppedRing(index);
  refuseBase(index, num, context.mayBePacked ? 'packed' : 'split');
  ring.base = num;
}

/** `u32 ring, u32 0`, answered as SET_VRING_BASE has it: stops the ring. */
export function getRingBase(context: Context, { payload }: Request): Answer {
  const { index } = vringState.decode(payload);
  const ring = context.ring(index);
  if (ring.started) context.backEnd.stopRing(context.session, ring);
  ring.stop();
  return { payload: vringState.encode({ index, num: ring.base ?? initialBase(context.kind) }) };
}

/** `u64`: bits 0 to 7 ring, bit 8 no descriptor comes and the ring is to be polled. Starts the ring. */
export function setRingKick(context: Context, request: Request): undefined {
  const { ring, fd } = ringAndEventfd(context, request, 'kick');
  const wasStarted = ring.started;
  try {
    if (!wasStarted) context.startRing(ring);
  } catch (error) {
    fd?.[Symbol.dispose]();
    throw error;
  }
  ring.kick?.[Symbol.dispose]();
  ring.kick = fd;
  context.followLog();
  try {
    context.backEnd.startRing(context.session, ring);
  } catch (error) {
    // A ring that the back end does not look at is not running
    if (!wasStarted) ring.stop();
    throw error;
  }
}

/** As SET_VRING_KICK, for the eventfd through which the driver hears of used buffers. */
export function setRingCall(context: Context, request: Request): undefined {
  const { ring, fd } = ringAndEventfd(context, request, 'call');
  ring.call?.[Symbol.dispose]();
  ring.call = fd;
  // What was completed while the driver had no descriptor, or another one, must not stay unnoticed
  if (ring.started && fd !== undefined) signalEventfd(fd.number);
}

/** As SET_VRING_KICK, for the eventfd that is signalled when the ring is broken. */
export function setRingError(context: Context, request: Request): undefined {
  const { ring, fd } = ringAndEventfd(context, request, 'error');
  ring.error?.[Symbol.dispose]();
  ring.error = fd;
}

/** `u32 ring, u32 0 or 1` */
export function enableRing(context: Context, { payload }: Request): undefined {
  const { index, num } = vringState.decode(payload);
  const ring = context.ring(index);
  if (num > 1)
    throw new RequestError('ERR_RING_ENABLE', `Ring ${index} cannot be enabled with ${num}, expected 0 or 1`);
  ring.enabled = num === 1;
  context.backEnd.enableRing(context.session, ring, ring.enabled);
}

function ringAndEventfd(
  context: Context,
  { payload, fds }: Request,
  use: string,
): { ring: RingState; fd: Fd | undefined } {
  const { value } = u64Payload.decode(payload);
  if (value > (VringFd.INDEX_MASK | VringFd.NO_FD))
    throw new RequestError('ERR_RING_INDEX', `0x${value.toString(16)} names no ring`);
  const ring = context.ring(Number(value & VringFd.INDEX_MASK));
  const expected = (value & VringFd.NO_FD) === 0n ? 1 : 0;
  if (fds.length !== expected)
    throw new RequestError(
      'ERR_FD_COUNT',
      `${fds.length} descriptors for the ${use} of ring ${ring.index}, expected ${expected}`,
    );
  if (expected === 0) return { ring, fd: undefined };
  requireEventfd(fds[0]!, use);
  return { ring, fd: takeFd(fds) };
}
