/** Requests from the front end, by the names of the specification (vhost-user, "Front-end message types"). */
export const FrontEndRequest = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_LOG_BASE: 6,
  SET_LOG_FD: 7,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SEND_RARP: 19,
  NET_SET_MTU: 20,
  SET_BACKEND_REQ_FD: 21,
  IOTLB_MSG: 22,
  SET_VRING_ENDIAN: 23,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  CREATE_CRYPTO_SESSION: 26,
  CLOSE_CRYPTO_SESSION: 27,
  POSTCOPY_ADVISE: 28,
  POSTCOPY_LISTEN: 29,
  POSTCOPY_END: 30,
  GET_INFLIGHT_FD: 31,
  SET_INFLIGHT_FD: 32,
  GPU_SET_SOCKET: 33,
  RESET_DEVICE: 34,
  VRING_KICK: 35,
  GET_MAX_MEM_SLOTS: 36,
  ADD_MEM_REG: 37,
  REM_MEM_REG: 38,
  SET_STATUS: 39,
  GET_STATUS: 40,
  GET_SHARED_OBJECT: 41,
  SET_DEVICE_STATE_FD: 42,
  CHECK_DEVICE_STATE: 43,
  GET_SHMEM_CONFIG: 44,
} as const;

/** Requests from the back end ("Back-end message types"); Ferry sends CONFIG_CHANGE_MSG alone. */
export const BackEndRequest = {
  IOTLB_MSG: 1,
  CONFIG_CHANGE_MSG: 2,
  VRING_HOST_NOTIFIER_MSG: 3,
  VRING_CALL: 4,
  VRING_ERR: 5,
  SHARED_OBJECT_ADD: 6,
  SHARED_OBJECT_REMOVE: 7,
  SHARED_OBJECT_LOOKUP: 8,
  SHMEM_MAP: 9,
  SHMEM_UNMAP: 10,
} as const;

/** Protocol feature bits, GET_PROTOCOL_FEATURES. */
export const ProtocolFeature = {
  MQ: 1n << 0n,
  LOG_SHMFD: 1n << 1n,
  RARP: 1n << 2n,
  REPLY_ACK: 1n << 3n,
  MTU: 1n << 4n,
  BACKEND_REQ: 1n << 5n,
  CROSS_ENDIAN: 1n << 6n,
  CRYPTO_SESSION: 1n << 7n,
  PAGEFAULT: 1n << 8n,
  CONFIG: 1n << 9n,
  BACKEND_SEND_FD: 1n << 10n,
  HOST_NOTIFIER: 1n << 11n,
  INFLIGHT_SHMFD: 1n << 12n,
  RESET_DEVICE: 1n << 13n,
  INBAND_NOTIFICATIONS: 1n << 14n,
  CONFIGURE_MEM_SLOTS: 1n << 15n,
  STATUS: 1n << 16n,
  XEN_MMAP: 1n << 17n,
  SHARED_OBJECT: 1n << 18n,
  DEVICE_STATE: 1n << 19n,
  GET_VRING_BASE_INFLIGHT: 1n << 20n,
  GPA_ADDRESSES: 1n << 21n,
  SHMEM_MAP: 1n << 22n,
} as const;

/** Virtio feature bits of the transport that Ferry knows. */
export const VirtioFeature = {
  LOG_ALL: 1n << 26n,
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  PROTOCOL_FEATURES: 1n << 30n,
  VERSION_1: 1n << 32n,
  RING_PACKED: 1n << 34n,
} as const;

/** Bits of a message header's flags. */
export const HeaderFlag = { VERSION: 1, VERSION_MASK: 3, REPLY: 4, NEED_REPLY: 8 } as const;

/** Bits of a SET_VRING_KICK, CALL or ERR payload. */
export const VringFd = { INDEX_MASK: 0xffn, NO_FD: 0x100n } as const;

/** Bits of the answer to SET_DEVICE_STATE_FD: a failure in the low byte, and whether no descriptor came with it. */
export const DeviceStateReply = { FAILURE_MASK: 0xffn, NO_FD: 0x100n } as const;

/** Flag of SET_VRING_ADDR: writes to the used ring are logged as dirty. */
export const VRING_LOG = 1;

/** Which way device state goes, SET_DEVICE_STATE_FD. */
export const Direction = { SAVE: 0, LOAD: 1 } as const;

/** When device state goes, SET_DEVICE_STATE_FD: the only phase there is. */
export const PHASE_STOPPED = 0;

const requestNames = new Map<number, string>(Object.entries(FrontEndRequest).map(([name, id]) => [id, name]));

/** `SET_OWNER` for 3, and so on; `request 77` for one that has no name. */
export function requestName(id: number): string {
  return requestNames.get(id) ?? `request ${id}`;
}
