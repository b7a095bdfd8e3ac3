import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient, controlPath, type StatusReport } from '../../src/control/index.ts';
import { type FsDevice, type LaunchedProcess, launchProcess, waitForSocket } from '../../src/launch/index.ts';

const program = fileURLToPath(new URL('../../bin/ferry', import.meta.url));
/** The environment in which `ferry` is as old as before there was a second format of state. */
export const OLDER: Readonly<Record<string, string>> = {
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${fileURLToPath(new URL('../support/plant.ts', import.meta.url))}`,
  FERRY_PLANT: JSON.stringify({
    file: 'src/device/settings.ts',
    find: 'newestStateFormat: 2',
    replace: 'newestStateFormat: 1',
  }),
};

const serveModule = fileURLToPath(new URL('./serve-module.ts', import.meta.url));

export interface FerryOptions {
  /** Where it listens; in a fresh folder that is removed at the end unless given. */
  readonly socket?: string;
  /** Most that the files may take, such as `64M`; 512M unless given. */
  readonly memory?: string;
  /** The directory that is shared, in place of files in memory. */
  readonly directory?: string;
  /** Migration parameters that say what it is, in place of `memory`. */
  readonly parameters?: readonly string[];
  /** The program as it was before there was a second format of state. */
  readonly older?: boolean;
  /** Further arguments of `ferry serve fs`. */
  readonly further?: readonly string[];
  /** A module that makes the device, with a fault planted, in place of Ferry's own; arguments are not for it. */
  readonly faulty?: URL;
  /** Added to the process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with every line that it says. */
  readonly onLine?: (line: string) => void;
}

/** A `ferry serve fs` in a process of its own; disposing of it ends it. */
export interface FerryProcess extends AsyncDisposable {
  readonly process: LaunchedProcess;
  /** Where it listens for front ends. */
  readonly socket: string;
  /** For `bootGuest` and `startDestination`; the guest mounts it as `ferry`. */
  readonly fs: FsDevice;
  /** What the device says about itself. */
  status(): Promise<StatusReport>;
  /** Asks the device something else over its control socket. */
  control<T>(ask: (client: ControlClient) => Promise<T>): Promise<T>;
}

/** Starts `ferry serve fs` and returns when both its sockets listen. */
export async function launchFerry(options: FerryOptions = {}): Promise<FerryProcess> {
  const { memory = '512M', directory, parameters, further = [], faulty, onLine } = options;
  const env = { ...(options.older === true ? OLDER : {}), ...options.env };
  const inMemory = parameters === undefined ? ['--memory', memory] : [];
  const backing = [
    ...(directory === undefined ? inMemory : ['--directory', directory]),
    ...(parameters ?? []),
  ];
  const folder = options.socket === undefined ? await mkdtemp(join(tmpdir(), 'ferry-serve-')) : undefined;
  const socket = options.socket ?? join(folder ?? '', 'fs.sock');
  const child = await launchProcess({
    name: 'ferry serve fs',
    command:
      faulty === undefined
        ? [program, 'serve', 'fs', ...backing, '--socket-path', socket, ...further]
        : [process.execPath, '--conditions=ferry-source', serveModule, faulty.href, socket, memory],
    env,
    ...(onLine !== undefined && { onLine }),
  });
  const end = async () => {
    await child.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitForSocket(socket, { child });
    await waitForSocket(controlPath(socket), { child });
  } catch (error) {
    await end();
    throw error;
  }
  const control = async <T>(ask: (client: ControlClient) => Promise<T>): Promise<T> => {
    await using client = await ControlClient.connect(controlPath(socket));
    return await ask(client);
  };
  return {
    process: child,
    socket,
    fs: { socket, tag: 'ferry' },
    control,
    status: () => control((client) => client.status()),
    [Symbol.asyncDispose]: end,
  };
}
