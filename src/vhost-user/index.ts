/** vhost-user, both ends: the session of a back end, and a front end. */
export type { BackEnd, Profile, Ring, Session } from './backend.ts';
export { FrontEndRequest, ProtocolFeature, requestName, VirtioFeature } from './constants.ts';
export type { TransferOptions } from './front-end/device-state.ts';
export { FrontEnd, type FrontEndOptions } from './front-end/front-end.ts';
export { GuestRam } from './front-end/ram.ts';
