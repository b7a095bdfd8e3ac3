import { choosePeer, findPeers, type Peer } from '../../launch/index.ts';

const list = new Intl.ListFormat('en', { type: 'conjunction' });

/** What showing a real virtual machine takes. */
export interface Programs {
  readonly qemu: Peer;
  readonly kernel: { readonly image: string; readonly release: string };
  readonly initramfs: string;
}

/** The programs that are here, or in words what is missing. Nothing is downloaded. */
export async function findPrograms(): Promise<Programs | { missing: string }> {
  const peers = await findPeers();
  const { initramfs } = peers;
  const [kernel] = peers.kernels;
  const missing: string[] = [];
  if (!peers.programs.some(({ name }) => name === 'qemu-system-x86_64')) missing.push('QEMU');
  if (kernel === undefined) missing.push('a guest kernel');
  if (initramfs === undefined) missing.push("the test guest's initramfs");
  if (missing.length > 0 || kernel === undefined || initramfs === undefined)
    return { missing: `${list.format(missing)}: neither on PATH nor in the cache, which \`npm test\` fills` };
  return { qemu: choosePeer(peers, 'qemu-system-x86_64'), kernel, initramfs };
}
