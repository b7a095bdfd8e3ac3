/** vhost-user, both ends: the session of a back end, a front end, and what back ends say about themselves. */

export { SERVED_PROTOCOL_FEATURES } from './back-end/rules.ts';
export { BackEndSession, type BackEndSessionOptions } from './back-end/session.ts';
export type { BackEnd, Profile, Ring, Session } from './backend.ts';
export { FrontEndRequest, ProtocolFeature, requestName, VirtioFeature } from './constants.ts';
export { FramingError, RequestError } from './errors.ts';
export type { Offer } from './front-end/agreement.ts';
export type { OpenFile } from './front-end/channel.ts';
export type { TransferOptions } from './front-end/device-state.ts';
export { HangUpError } from './front-end/errors.ts';
export { FrontEnd, type FrontEndOptions } from './front-end/front-end.ts';
export { InflightRegion, type InflightShape } from './front-end/inflight.ts';
export type { SharedRegion } from './front-end/memory.ts';
export {
  FRONT_END_PROTOCOL_FEATURES,
  type Negotiation,
  type NegotiationOrder,
  TRANSPORT_FEATURES,
} from './front-end/negotiation.ts';
export { GuestRam } from './front-end/ram.ts';
export { DeviceStatus } from './front-end/status.ts';
export { judgeBackEnd, type ProbeFinding, type ProbeVerdict, type QemuOutlook } from './probe/judge.ts';
export { DEVICE_TYPES, type DeviceType, protocolFeatureNames, virtioFeatureNames } from './probe/names.ts';
export { type Fault, type ProbeFacts, type ProbeOptions, probeBackEnd } from './probe/probe.ts';
export type { Trial, TrialStep } from './probe/trial.ts';
