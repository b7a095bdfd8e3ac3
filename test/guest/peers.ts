import { cacheFolder, findPeers, type Peers } from '../../src/launch/index.ts';
import { buildGuest } from '../../tools/guest/build.ts';
import { fetchPeers } from '../../tools/peers/fetch.ts';

let ready: Promise<Peers & { initramfs: string }> | undefined;

/** The cached peers and the guest's initramfs as its sources are now; what is missing is fetched and built first. */
export function testPeers(): Promise<Peers & { initramfs: string }> {
  ready ??= prepare();
  return ready;
}

async function prepare(): Promise<Peers & { initramfs: string }> {
  const cache = cacheFolder();
  await fetchPeers({ cache, log: (line) => process.stderr.write(`peers: ${line}\n`) });
  const initramfs = await buildGuest(cache);
  // Tests are to mean the same everywhere, whatever this machine has on PATH
  return { ...(await findPeers({ cache, path: '' })), initramfs };
}
