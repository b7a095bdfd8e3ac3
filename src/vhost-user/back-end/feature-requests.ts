import { ProtocolFeature, VirtioFeature } from '../constants.ts';
import { RequestError } from '../errors.ts';
import { u64Payload } from '../payloads.ts';
import type { Context } from './context.ts';
import type { Request } from './request.ts';

/** `u64` virtio feature bits. While rings run, only logging may change. */
export function setFeatures(context: Context, { payload }: Request): undefined {
  const { value } = u64Payload.decode(payload);
  const { backEnd, session } = context;
  refuseUnoffered('virtio feature', value, backEnd.profile.features);
  const changed = (value ^ context.features) & ~VirtioFeature.LOG_ALL;
  if (context.anyStarted && changed !== 0n)
    throw new RequestError(
      'ERR_NOT_NOW',
      `Features 0x${changed.toString(16)} cannot change while a ring is running`,
    );
  backEnd.setFeatures(session, value);
  context.features = value;
  context.followLog();
  if ((value & VirtioFeature.PROTOCOL_FEATURES) === 0n) enableAllRings(context);
}

/** `u64` protocol feature bits. */
export function setProtocolFeatures(context: Context, { payload }: Request): undefined {
  const { value } = u64Payload.decode(payload);
  refuseUnoffered('protocol feature', value, context.backEnd.profile.protocolFeatures);
  const changed = value ^ context.protocolFeatures;
  if ((changed & ProtocolFeature.GPA_ADDRESSES) !== 0n && context.memory.regions.length > 0)
    throw new RequestError('ERR_NOT_NOW', 'Addresses cannot change their meaning while memory is shared');
  context.protocolFeatures = value;
}

/** The device goes back to its initial state; what belongs to the connection (owner, memory, protocol) stays. */
export function resetDevice(context: Context): undefined {
  context.backEnd.reset(context.session);
  for (const ring of context.rings) {
    ring.stop();
    ring.base = undefined;
    ring.enabled = false;
  }
  context.replaceInflight(undefined);
  context.features = 0n;
}

/** Without VHOST_USER_F_PROTOCOL_FEATURES there is no SET_VRING_ENABLE: rings are enabled from the start. */
function enableAllRings({ rings, backEnd, session }: Context): void {
  for (const ring of rings) {
    if (ring.enabled) continue;
    ring.enabled = true;
    backEnd.enableRing(session, ring, true);
  }
}

function refuseUnoffered(what: string, wanted: bigint, offered: bigint): void {
  const unoffered = wanted & ~offered;
  if (unoffered === 0n) return;
  const bits = [...unoffered.toString(2)].reverse().flatMap((bit, number) => (bit === '1' ? [number] : []));
  throw new RequestError('ERR_NOT_OFFERED', `${what} ${bits.join(', ')} was not offered`);
}
