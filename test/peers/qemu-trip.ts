/** QEMUs with their firmware as guest, moved from one to the other by QMP alone: what really happens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asError } from '../../src/errors.ts';
import { type LaunchedProcess, launchProcess, waitForSocket } from '../../src/launch/index.ts';
import type { QemuProgram } from '../../src/qemu-compat/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';

/** A machine type with devices added. */
export interface Setup {
  readonly machine: string;
  readonly args: readonly string[];
}

/** One QEMU that runs its firmware, or waits for a guest. */
export class Firmware implements AsyncDisposable {
  readonly process: LaunchedProcess;
  readonly client: QmpClient;

  private constructor(process: LaunchedProcess, client: QmpClient) {
    this.process = process;
    this.client = client;
  }

  /** Rejects with QEMU's words when it does not take its arguments. */
  static async start(
    folder: string,
    name: string,
    program: QemuProgram,
    setup: Setup,
    waits = false,
  ): Promise<Firmware> {
    const socket = join(folder, `${name}.qmp`);
    const process = await launchProcess({
      command: [
        ...program.command,
        ...['-accel', 'tcg,tb-size=16', '-display', 'none', '-nodefaults', '-no-user-config', '-m', '64M'],
        ...['-machine', setup.machine, '-qmp', `unix:${socket},server=on,wait=off`],
        ...(waits ? ['-S', '-incoming', 'defer'] : []),
        ...setup.args,
      ],
      env: program.env,
      // Nothing in it is worth an orderly end
      stopDeadline: 0,
    });
    try {
      await waitForSocket(socket, { child: process });
      return new Firmware(process, await QmpClient.connect(socket));
    } catch (error) {
      // It says why it gives up just before it does
      await Promise.race([process.exited, process.ended(500).catch(asError)]);
      const cause = process.exit === undefined ? error : process.failure();
      await process[Symbol.asyncDispose]();
      throw cause;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    this.process.kill('SIGKILL');
    await this.process.exited;
  }
}

/** What came of a move, with QEMU's words. */
export interface Outcome {
  readonly moved: boolean;
  readonly words: string;
}

/** Moves what runs in `source` to `destination` and lets it run there. */
export async function moveFirmware(
  folder: string,
  name: string,
  source: Firmware,
  destination: Firmware,
): Promise<Outcome> {
  const uri = `unix:${join(folder, `${name}.stream`)}`;
  using events = source.client.events(['MIGRATION']);
  try {
    await source.client.execute('migrate-set-capabilities', {
      capabilities: [
        { capability: 'events', state: true },
        { capability: 'return-path', state: true },
      ],
    });
    await destination.client.execute('migrate-set-capabilities', {
      capabilities: [
        { capability: 'events', state: true },
        { capability: 'return-path', state: true },
      ],
    });
    await destination.client.execute('migrate-incoming', { uri });
    await source.client.execute('migrate', { uri });
    for await (const { data } of events) {
      if (data.status === 'failed') return { moved: false, words: await lastWords(destination) };
      // With a return path the source hears from the destination before it says so
      if (data.status === 'completed') break;
    }
    await destination.client.execute('cont');
    const { status } = await destination.client.execute('query-status');
    return { moved: status === 'running', words: status };
  } catch (error) {
    return { moved: false, words: `${asError(error).message}; ${await lastWords(destination)}` };
  }
}

/** A destination that refuses a guest ends by itself. */
async function lastWords({ process }: Firmware): Promise<string> {
  await process.ended(2000).catch(asError);
  return process.tail.trim();
}

/** A folder with a short path for the sockets of some QEMUs. */
export async function yard(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'ferry-trip-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
