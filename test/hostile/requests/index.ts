/** The table of every request, for an fs device; and those for what only a blk device offers. */

import type { RequestTable } from '../table.ts';
import { addMemReg } from './add-mem-reg.ts';
import { checkDeviceState } from './check-device-state.ts';
import { closeCryptoSession } from './close-crypto-session.ts';
import { createCryptoSession } from './create-crypto-session.ts';
import { getConfig } from './get-config.ts';
import { getFeatures } from './get-features.ts';
import { getInflightFd, getInflightFdOffered } from './get-inflight-fd.ts';
import { getMaxMemSlots } from './get-max-mem-slots.ts';
import { getProtocolFeatures } from './get-protocol-features.ts';
import { getQueueNum } from './get-queue-num.ts';
import { getSharedObject } from './get-shared-object.ts';
import { getShmemConfig } from './get-shmem-config.ts';
import { getStatus } from './get-status.ts';
import { getVringBase } from './get-vring-base.ts';
import { gpuSetSocket } from './gpu-set-socket.ts';
import { iotlbMsg } from './iotlb-msg.ts';
import { netSetMtu } from './net-set-mtu.ts';
import { postcopyAdvise } from './postcopy-advise.ts';
import { postcopyEnd } from './postcopy-end.ts';
import { postcopyListen } from './postcopy-listen.ts';
import { remMemReg } from './rem-mem-reg.ts';
import { resetDevice } from './reset-device.ts';
import { resetOwner } from './reset-owner.ts';
import { sendRarp } from './send-rarp.ts';
import { setBackendReqFd } from './set-backend-req-fd.ts';
import { setConfig } from './set-config.ts';
import { setDeviceStateFd } from './set-device-state-fd.ts';
import { setFeatures } from './set-features.ts';
import { setInflightFd, setInflightFdOffered } from './set-inflight-fd.ts';
import { setLogBase } from './set-log-base.ts';
import { setLogFd } from './set-log-fd.ts';
import { setMemTable } from './set-mem-table.ts';
import { setOwner } from './set-owner.ts';
import { setProtocolFeatures } from './set-protocol-features.ts';
import { setStatus } from './set-status.ts';
import { setVringAddr } from './set-vring-addr.ts';
import { setVringBase } from './set-vring-base.ts';
import { setVringCall } from './set-vring-call.ts';
import { setVringEnable } from './set-vring-enable.ts';
import { setVringEndian } from './set-vring-endian.ts';
import { setVringErr } from './set-vring-err.ts';
import { setVringKick } from './set-vring-kick.ts';
import { setVringNum } from './set-vring-num.ts';
import { vringKick } from './vring-kick.ts';

export const TABLES: readonly RequestTable[] = [
  addMemReg,
  checkDeviceState,
  closeCryptoSession,
  createCryptoSession,
  getConfig,
  getFeatures,
  getInflightFd,
  getMaxMemSlots,
  getProtocolFeatures,
  getQueueNum,
  getSharedObject,
  getShmemConfig,
  getStatus,
  getVringBase,
  gpuSetSocket,
  iotlbMsg,
  netSetMtu,
  postcopyAdvise,
  postcopyEnd,
  postcopyListen,
  remMemReg,
  resetDevice,
  resetOwner,
  sendRarp,
  setBackendReqFd,
  setConfig,
  setDeviceStateFd,
  setFeatures,
  setInflightFd,
  setLogBase,
  setLogFd,
  setMemTable,
  setOwner,
  setProtocolFeatures,
  setStatus,
  setVringAddr,
  setVringBase,
  setVringCall,
  setVringEnable,
  setVringEndian,
  setVringErr,
  setVringKick,
  setVringNum,
  vringKick,
];

export const BLK_TABLES: readonly RequestTable[] = [getInflightFdOffered, setInflightFdOffered];
