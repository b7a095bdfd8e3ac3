/** Virtual machines with a real guest for tests: real peers, the guest's agent, and what went wrong when it did. */
export { bootGuest, type Guest, type GuestOptions, startDestination } from './guest.ts';
export { testPeers } from './peers.ts';
export { type SharedFolder, shareFolder } from './shared.ts';
export { launchVirtiofsd } from './virtiofsd.ts';
