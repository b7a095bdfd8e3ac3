import { FrontEndRequest as Id, ProtocolFeature, requestName } from '../constants.ts';
import { MAX_CONFIG, MAX_TABLE_REGIONS } from '../limits.ts';
import {
  configHead,
  deviceState,
  inflightPayload,
  logPayload,
  memRegion,
  memTableHead,
  singleRegion,
  u64Payload,
  vringAddr,
  vringState,
} from '../payloads.ts';

/** What a request must look like before anybody looks into it. */
export interface RequestRule {
  readonly id: number;
  readonly name: string;
  /** Least and most bytes of payload. */
  readonly payload: readonly [number, number];
  /** Least and most descriptors. */
  readonly fds: readonly [number, number];
  /** The protocol feature that must have been negotiated. */
  readonly needs?: keyof typeof ProtocolFeature;
  /** Whether the request has a reply of its own, asked for or not. */
  readonly replies: boolean;
  /** Whether the session must own the instance: it changes what other sessions would see. */
  readonly claims: boolean;
}

type Shape = Partial<Pick<RequestRule, 'needs' | 'replies' | 'claims' | 'fds'>> & {
  payload?: number | readonly [number, number];
};

function rule(
  id: number,
  { payload = 0, fds = [0, 0], needs, replies = false, claims = false }: Shape,
): RequestRule {
  return Object.freeze({
    id,
    name: requestName(id),
    payload: typeof payload === 'number' ? ([payload, payload] as const) : payload,
    fds,
    ...(needs === undefined ? {} : { needs }),
    replies,
    claims,
  });
}

const ONE_FD = [1, 1] as const;
const REPLIES = { replies: true } as const;
const STATE = { payload: vringState.size } as const;
/** u64: bits 0 to 7 ring, bit 8 no descriptor. */
const VRING_FD = { payload: u64Payload.size, fds: [0, 1] } as const;
const CONFIG = { payload: [configHead.size, configHead.size + MAX_CONFIG], needs: 'CONFIG' } as const;

/** Every request of the protocol (vhost-user, "Front-end message types"), those that are never served included. */
const rules: readonly RequestRule[] = [
  rule(Id.GET_FEATURES, REPLIES),
  rule(Id.SET_FEATURES, { payload: u64Payload.size, claims: true }),
  rule(Id.SET_OWNER, { claims: true }),
  rule(Id.RESET_OWNER, {}),
  rule(Id.SET_MEM_TABLE, {
    payload: [memTableHead.size, memTableHead.size + MAX_TABLE_REGIONS * memRegion.size],
    fds: [0, MAX_TABLE_REGIONS],
  }),
  rule(Id.SET_LOG_BASE, { payload: logPayload.size, fds: ONE_FD, needs: 'LOG_SHMFD', ...REPLIES }),
  rule(Id.SET_LOG_FD, { fds: ONE_FD }),
  rule(Id.SET_VRING_NUM, STATE),
  rule(Id.SET_VRING_ADDR, { payload: vringAddr.size }),
  rule(Id.SET_VRING_BASE, STATE),
  rule(Id.GET_VRING_BASE, { ...STATE, ...REPLIES }),
  rule(Id.SET_VRING_KICK, { ...VRING_FD, claims: true }),
  rule(Id.SET_VRING_CALL, VRING_FD),
  rule(Id.SET_VRING_ERR, VRING_FD),
  rule(Id.GET_PROTOCOL_FEATURES, REPLIES),
  rule(Id.SET_PROTOCOL_FEATURES, { payload: u64Payload.size }),
  rule(Id.GET_QUEUE_NUM, { needs: 'MQ', ...REPLIES }),
  rule(Id.SET_VRING_ENABLE, STATE),
  rule(Id.SEND_RARP, { payload: u64Payload.size, needs: 'RARP' }),
  rule(Id.NET_SET_MTU, { payload: u64Payload.size, needs: 'MTU' }),
  rule(Id.SET_BACKEND_REQ_FD, { fds: ONE_FD, needs: 'BACKEND_REQ' }),
  rule(Id.IOTLB_MSG, { payload: 32, ...REPLIES }),
  rule(Id.SET_VRING_ENDIAN, { ...STATE, needs: 'CROSS_ENDIAN' }),
  rule(Id.GET_CONFIG, { ...CONFIG, ...REPLIES }),
  rule(Id.SET_CONFIG, { ...CONFIG, claims: true }),
  rule(Id.CREATE_CRYPTO_SESSION, { payload: [0, 4096], needs: 'CRYPTO_SESSION', ...REPLIES }),
  rule(Id.CLOSE_CRYPTO_SESSION, { payload: u64Payload.size, needs: 'CRYPTO_SESSION' }),
  rule(Id.POSTCOPY_ADVISE, { needs: 'PAGEFAULT', ...REPLIES }),
  rule(Id.POSTCOPY_LISTEN, { needs: 'PAGEFAULT' }),
  rule(Id.POSTCOPY_END, { needs: 'PAGEFAULT', ...REPLIES }),
  rule(Id.GET_INFLIGHT_FD, { payload: inflightPayload.size, needs: 'INFLIGHT_SHMFD', ...REPLIES }),
  rule(Id.SET_INFLIGHT_FD, { payload: inflightPayload.size, fds: ONE_FD, needs: 'INFLIGHT_SHMFD' }),
  rule(Id.GPU_SET_SOCKET, { fds: ONE_FD }),
  rule(Id.RESET_DEVICE, { needs: 'RESET_DEVICE' }),
  rule(Id.VRING_KICK, { ...STATE, needs: 'INBAND_NOTIFICATIONS' }),
  rule(Id.GET_MAX_MEM_SLOTS, { needs: 'CONFIGURE_MEM_SLOTS', ...REPLIES }),
  rule(Id.ADD_MEM_REG, { payload: singleRegion.size, fds: ONE_FD, needs: 'CONFIGURE_MEM_SLOTS' }),
  // Some front ends send a descriptor with it that means nothing
  rule(Id.REM_MEM_REG, { payload: singleRegion.size, fds: [0, 1], needs: 'CONFIGURE_MEM_SLOTS' }),
  rule(Id.SET_STATUS, { payload: u64Payload.size, needs: 'STATUS' }),
  rule(Id.GET_STATUS, { needs: 'STATUS', ...REPLIES }),
  rule(Id.GET_SHARED_OBJECT, { payload: 16, needs: 'SHARED_OBJECT', ...REPLIES }),
  rule(Id.SET_DEVICE_STATE_FD, {
    payload: deviceState.size,
    fds: ONE_FD,
    needs: 'DEVICE_STATE',
    claims: true,
    ...REPLIES,
  }),
  rule(Id.CHECK_DEVICE_STATE, { needs: 'DEVICE_STATE', ...REPLIES }),
  rule(Id.GET_SHMEM_CONFIG, { needs: 'SHMEM_MAP', ...REPLIES }),
];

/** The rule of each request, by its number. */
export const REQUEST_RULES: ReadonlyMap<number, RequestRule> = new Map(rules.map((one) => [one.id, one]));

/** Protocol features that a session serves; a back end offers those of them that its device has a use for. */
export const SERVED_PROTOCOL_FEATURES =
  ProtocolFeature.MQ |
  ProtocolFeature.LOG_SHMFD |
  ProtocolFeature.REPLY_ACK |
  ProtocolFeature.BACKEND_REQ |
  ProtocolFeature.CONFIG |
  ProtocolFeature.BACKEND_SEND_FD |
  ProtocolFeature.INFLIGHT_SHMFD |
  ProtocolFeature.RESET_DEVICE |
  ProtocolFeature.CONFIGURE_MEM_SLOTS |
  ProtocolFeature.DEVICE_STATE |
  ProtocolFeature.GET_VRING_BASE_INFLIGHT |
  ProtocolFeature.GPA_ADDRESSES;
