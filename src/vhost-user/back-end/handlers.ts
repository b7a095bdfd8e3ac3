import { FrontEndRequest as Id } from '../constants.ts';
import { u64Payload } from '../payloads.ts';
import { readConfig, writeConfig } from './config-requests.ts';
import type { Context } from './context.ts';
import { beginTransfer, checkTransfer } from './device-state-requests.ts';
import { resetDevice, setFeatures, setProtocolFeatures } from './feature-requests.ts';
import { getInflight, setInflight } from './inflight-requests.ts';
import { addRegion, removeRegion, setLogBase, setMemoryTable } from './memory-requests.ts';
import { type Answer, type Request, takeFd } from './request.ts';
import { RequestChannel } from './request-channel.ts';
import {
  enableRing,
  getRingBase,
  setRingAddresses,
  setRingBase,
  setRingCall,
  setRingError,
  setRingKick,
  setRingSize,
} from './ring-requests.ts';

/** Serves one kind of request whose form has been checked. A `FerryError` thrown from it refuses the request. */
export type Handler = (context: Context, request: Request) => Answer | undefined;

function answer(value: bigint): Answer {
  return { payload: u64Payload.encode({ value }) };
}

/** The requests that are served, by their number. */
export const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [Id.GET_FEATURES, ({ backEnd }) => answer(backEnd.profile.features)],
  [Id.SET_FEATURES, setFeatures],
  [Id.GET_PROTOCOL_FEATURES, ({ backEnd }) => answer(backEnd.profile.protocolFeatures)],
  [Id.SET_PROTOCOL_FEATURES, setProtocolFeatures],
  // Owning is the session's business, and is done before any handler runs
  [Id.SET_OWNER, () => undefined],
  [Id.RESET_OWNER, () => undefined],
  [Id.RESET_DEVICE, resetDevice],
  [Id.GET_QUEUE_NUM, ({ backEnd }) => answer(BigInt(backEnd.profile.queues))],
  [Id.GET_MAX_MEM_SLOTS, ({ backEnd }) => answer(BigInt(backEnd.profile.memorySlots))],
  [Id.SET_MEM_TABLE, setMemoryTable],
  [Id.ADD_MEM_REG, addRegion],
  [Id.REM_MEM_REG, removeRegion],
  [Id.SET_LOG_BASE, setLogBase],
  [Id.SET_VRING_NUM, setRingSize],
  [Id.SET_VRING_ADDR, setRingAddresses],
  [Id.SET_VRING_BASE, setRingBase],
  [Id.GET_VRING_BASE, getRingBase],
  [Id.SET_VRING_KICK, setRingKick],
  [Id.SET_VRING_CALL, setRingCall],
  [Id.SET_VRING_ERR, setRingError],
  [Id.SET_VRING_ENABLE, enableRing],
  [Id.GET_INFLIGHT_FD, getInflight],
  [Id.SET_INFLIGHT_FD, setInflight],
  [Id.SET_BACKEND_REQ_FD, setRequestChannel],
  [Id.GET_CONFIG, readConfig],
  [Id.SET_CONFIG, writeConfig],
  [Id.SET_DEVICE_STATE_FD, beginTransfer],
  [Id.CHECK_DEVICE_STATE, checkTransfer],
]);

function setRequestChannel(context: Context, { fds }: Request): undefined {
  const channel = new RequestChannel(takeFd(fds));
  context.requests?.[Symbol.dispose]();
  context.requests = channel;
}
