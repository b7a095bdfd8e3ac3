/** vhost-user, both ends: the session of a back end, and a front end. */
export type { BackEnd, Profile, Ring, Session } from './backend.ts';
