import { DeviceStateReply, Direction, PHASE_STOPPED } from '../constants.ts';
import { RequestError } from '../errors.ts';
import { deviceState, u64Payload } from '../payloads.ts';
import type { Context } from './context.ts';
import { type Answer, type Request, takeFd } from './request.ts';

const O_RDONLY = 0;
const O_WRONLY = 1;

/**
 * `u32 direction, u32 phase` and the front end's end of a stream. Answered with a u64: bit 8 where the front end's
 * descriptor is used; clear where one of our own comes along and takes its place.
 */
export function beginTransfer(context: Context, { payload, fds }: Request): Answer {
  const { direction, phase } = deviceState.decode(payload);
  if (direction !== Direction.SAVE && direction !== Direction.LOAD)
    throw new RequestError('ERR_DIRECTION', `Direction ${direction}, expected 0 (save) or 1 (load)`);
  if (phase !== PHASE_STOPPED) throw new RequestError('ERR_PHASE', `Phase ${phase}, expected 0 (stopped)`);
  const running = context.rings.filter((ring) => ring.started).map((ring) => ring.index);
  if (running.length > 0)
    throw new RequestError(
      'ERR_NOT_NOW',
      `State moves only while the device is suspended; rings ${running} run`,
    );
  const saving = direction === Direction.SAVE;
  if (fds[0]!.accessMode === (saving ? O_RDONLY : O_WRONLY))
    throw new RequestError(
      'ERR_CHANNEL_MODE',
      `The channel cannot be ${saving ? 'written to, and the state is to be saved' : 'read, and a state is to be loaded'}`,
    );
  const channel = takeFd(fds);
  try {
    const own = context.backEnd.beginTransfer(context.session, saving ? 'save' : 'load', channel);
    if (own === undefined) return { payload: u64Payload.encode({ value: DeviceStateReply.NO_FD }) };
    channel[Symbol.dispose]();
    return { payload: u64Payload.encode({ value: 0n }), fd: own };
  } catch (error) {
    channel[Symbol.dispose]();
    throw error;
  }
}

/** Answered with a u64: 0 where the transfer has succeeded. */
export function checkTransfer({ backEnd, session }: Context): Answer {
  backEnd.checkTransfer(session);
  return { payload: u64Payload.encode({ value: 0n }) };
}
