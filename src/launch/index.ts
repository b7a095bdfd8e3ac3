/** Finding, starting and owning other programs: peers, virtual machines, and the agent in a test guest. */
export { type CallOptions, GuestAgent, GuestError, type GuestHello } from './agent.ts';
export type { CommandArguments, CommandName, Handle, LockType } from './agent-commands.ts';
export type { CommandResult, GuestEntry, GuestStat } from './agent-results.ts';
export { type Captured, type CaptureOptions, capture } from './capture.ts';
export { diagnose } from './doctor.ts';
export type { HeartbeatReport } from './heartbeat.ts';
export { type Check, checkHost } from './host.ts';
export { whyNoKvm } from './kvm.ts';
export {
  decodeManifest,
  type KernelEntry,
  type PackageEntry,
  type ProgramEntry,
  type SetManifest,
} from './manifest.ts';
export {
  cachedCommand,
  cacheFolder,
  chooseKernel,
  choosePeer,
  compareVersions,
  findPeers,
  type GuestKernel,
  type GuestTools,
  guestFolder,
  type Peer,
  type PeerName,
  type Peers,
  peerNames,
  versionIn,
} from './peers.ts';
export { type Exit, findProgram, LaunchedProcess, type LaunchOptions, launchProcess } from './process.ts';
export {
  type FsDevice,
  guestAppend,
  type Kernel,
  type QemuMachine,
  type QemuStart,
  qemuArguments,
} from './qemu.ts';
export { connectSocket, isListening, type SocketWait, waitForSocket } from './socket.ts';
export { launchVm, VirtualMachine, type VmOptions } from './vm.ts';
