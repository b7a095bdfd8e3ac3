/** Finding, starting and owning other programs. */
export { type Captured, capture } from './capture.ts';
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
  type Peer,
  type PeerName,
  type Peers,
  peerNames,
  versionIn,
} from './peers.ts';
