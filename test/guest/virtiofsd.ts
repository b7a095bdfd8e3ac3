import { type LaunchedProcess, launchProcess, type Peer, waitForSocket } from '../../src/launch/index.ts';

/** Starts virtiofsd for a folder and returns when it listens on `socket`. It ends with its one connection. */
export async function launchVirtiofsd(options: {
  virtiofsd: Peer;
  socket: string;
  folder: string;
  further?: readonly string[];
}): Promise<LaunchedProcess> {
  const { virtiofsd, socket, folder, further = [] } = options;
  const child = await launchProcess({
    name: 'virtiofsd',
    command: [
      ...virtiofsd.command,
      ...['--socket-path', socket, '--shared-dir', folder, '--sandbox', 'none', ...further],
    ],
    env: virtiofsd.env,
  });
  try {
    await waitForSocket(socket, { child });
    return child;
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}
