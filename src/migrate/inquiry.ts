import {
  ControlClient,
  ControlError,
  controlPath,
  type MigrationDetails,
  type StatusReport,
} from '../control/index.ts';

/** Speaks with the Ferry back ends behind a VM's vhost-user sockets. */
export interface BackEndInquiry {
  /** The status of the back end at `socketPath`, or undefined when none of Ferry's answers there. */
  status(socketPath: string, signal?: AbortSignal): Promise<StatusReport | undefined>;
  /** The migration parameters of a back end that has some. */
  migrationInfo(socketPath: string, signal?: AbortSignal): Promise<MigrationDetails>;
  /** Have none of them set for so many seconds. Rejects with `ERR_PARAMETERS_DIFFER` where they are not those of `digest`. */
  freeze(socketPath: string, digest: string, seconds: number, signal?: AbortSignal): Promise<void>;
  /** They may be set again. */
  thaw(socketPath: string, signal?: AbortSignal): Promise<void>;
  /** Make a transfer of device state fail now, so that a QEMU that waits for it goes on. Whether there was one. */
  abortTransfer(socketPath: string, reason: string, signal?: AbortSignal): Promise<boolean>;
  /** The guest has been committed elsewhere in `epoch`: its rings are not to start there again. */
  fence(socketPath: string, epoch: number, signal?: AbortSignal): Promise<void>;
  /** The guest is on its way there: lift what an earlier `fence` forbade. */
  release(socketPath: string, signal?: AbortSignal): Promise<void>;
}

async function ask<T>(
  socketPath: string,
  signal: AbortSignal | undefined,
  question: (client: ControlClient, options: { signal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  const options = signal === undefined ? {} : { signal };
  await using client = await ControlClient.connect(controlPath(socketPath), options);
  return await question(client, options);
}

/** Over each back end's control socket, which lies beside its vhost-user socket. */
export const controlSockets: BackEndInquiry = {
  async status(socketPath, signal) {
    try {
      return await ask(socketPath, signal, (client, options) => client.status(options));
    } catch (error) {
      if (error instanceof ControlError && error.code === 'ERR_CONTROL_CONNECT') return undefined;
      throw error;
    }
  },
  migrationInfo: (socketPath, signal) =>
    ask(socketPath, signal, (client, options) => client.migrationInfo(options)),
  freeze: (socketPath, digest, seconds, signal) =>
    ask(socketPath, signal, (client, options) => client.freeze(digest, seconds, options)),
  async thaw(socketPath, signal) {
    await ask(socketPath, signal, (client, options) => client.thaw(options));
  },
  abortTransfer: (socketPath, reason, signal) =>
    ask(socketPath, signal, (client, options) => client.abortTransfer(reason, options)),
  fence: (socketPath, epoch, signal) =>
    ask(socketPath, signal, (client, options) => client.fence(epoch, options)),
  async release(socketPath, signal) {
    await ask(socketPath, signal, (client, options) => client.release(options));
  },
};
