/** Everything that can be found out about this machine and the peers on it, for `ferry doctor`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Check, checkHost } from './host.ts';
import { whyNoKvm } from './kvm.ts';
import { cacheFolder, findPeers, type PeerName, type Peers, peerNames } from './peers.ts';

const uses: Readonly<Record<PeerName, string>> = {
  'qemu-system-x86_64': 'For machines to move: install qemu-system-x86',
  'qemu-storage-daemon': 'For comparing blk devices: install qemu-utils',
  'qemu-io': 'For driving blk devices: install qemu-utils and qemu-block-extra',
  'qemu-img': 'For making images: install qemu-utils',
  virtiofsd: 'For comparing fs devices: install virtiofsd',
  passt: 'For comparing net devices: install passt',
};

/**
 * Looks at the runtime, the kernel and the peers. Where /dev/kvm is, a guest is booted with it, which takes seconds when
 * it does not work.
 */
export async function diagnose(options: { cache?: string; signal?: AbortSignal } = {}): Promise<Check[]> {
  const cache = options.cache ?? cacheFolder();
  const [host, peers] = await Promise.all([
    checkHost(),
    findPeers({ cache, ...(options.signal && { signal: options.signal }) }),
  ]);
  return [
    ...host,
    await kvm(peers),
    ...peerNames.map((name) => program(peers, name)),
    ...guest(peers, cache),
  ];
}

function program(peers: Peers, name: PeerName): Check {
  const there = peers.programs.filter((peer) => peer.name === name);
  const found = there.map(
    ({ version, origin, path, set }) => `${version} (${origin === 'path' ? path : `cache, ${set}`})`,
  );
  return {
    name,
    needed: false,
    ok: there.length > 0,
    found: found.join(', ') || 'not found',
    advice: uses[name],
  };
}

function guest(peers: Peers, cache: string): Check[] {
  const fill = `For test guests: in a clone of Ferry, node tools/peers/fetch.ts fills ${cache}`;
  const kernels = peers.kernels.map((kernel) => kernel.release);
  return [
    {
      name: 'guest kernels',
      needed: false,
      ok: kernels.length > 0,
      found: kernels.join(', ') || 'none',
      advice: fill,
    },
    {
      name: 'guest initramfs',
      needed: false,
      ok: peers.initramfs !== undefined,
      found: peers.initramfs ?? 'none',
      advice: fill,
    },
    ...peers.problems.map((problem) => ({ name: 'damaged', needed: false, ok: false, found: problem })),
  ];
}

async function kvm(peers: Peers): Promise<Check> {
  const about = { name: 'KVM', needed: false };
  const qemu = peers.programs.find((peer) => peer.name === 'qemu-system-x86_64');
  const kernel = peers.kernels[0];
  if (qemu === undefined || kernel === undefined || peers.initramfs === undefined) {
    return { ...about, ok: false, found: 'not tried: that takes QEMU, a guest kernel and an initramfs' };
  }
  const folder = await mkdtemp(join(tmpdir(), 'ferry-kvm-'));
  try {
    const reason = await whyNoKvm(qemu, { image: kernel.image, initramfs: peers.initramfs }, folder);
    const advice =
      'Guests run without it, emulated and slower; on a host, load kvm and allow this user /dev/kvm';
    return { ...about, ok: reason === undefined, found: reason ?? 'runs a guest', advice };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
