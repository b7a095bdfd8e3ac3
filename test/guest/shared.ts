import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePeer } from '../../src/launch/index.ts';
import { testPeers } from './peers.ts';
import { launchVirtiofsd } from './virtiofsd.ts';

/** A folder of this machine that a virtiofsd of its own offers to a guest. */
export interface SharedFolder extends AsyncDisposable {
  /** Where virtiofsd listens. */
  readonly socket: string;
  readonly folder: string;
}

/** Starts virtiofsd for a fresh folder; disposing of it ends it and removes the folder. */
export async function shareFolder(): Promise<SharedFolder> {
  const scratch = await mkdtemp(join(tmpdir(), 'ferry-share-'));
  const socket = join(scratch, 'fs.sock');
  const folder = join(scratch, 'shared');
  await mkdir(folder);
  const virtiofsd = choosePeer(await testPeers(), 'virtiofsd');
  const child = await launchVirtiofsd({ virtiofsd, socket, folder });
  return {
    socket,
    folder,
    async [Symbol.asyncDispose]() {
      await child.stop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
