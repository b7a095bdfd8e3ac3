/** Virtual machines with a real guest for tests: real peers, the guest's agent, and what went wrong when it did. */
export { type FerryOptions, type FerryProcess, launchFerry, OLDER } from './ferry.ts';
export { bootGuest, type Guest, type GuestOptions, PACKED_FS, startDestination } from './guest.ts';
export { currentMachine, moveGuest, transferState } from './move.ts';
export { testPeers } from './peers.ts';
export { Relay, type Tap, type Taps } from './relay.ts';
export { type SharedFolder, shareFolder } from './shared.ts';
export { type Action, afterBytes, beforeLastWord, beforeState, deviceState } from './stream-taps.ts';
export { launchVirtiofsd } from './virtiofsd.ts';
export { secondMonitor, Whereabouts } from './whereabouts.ts';
