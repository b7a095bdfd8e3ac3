import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { controlPath } from '../../../src/control/index.ts';
import { type Exit, type LaunchedProcess, launchProcess, waitForSocket } from '../../../src/launch/index.ts';

const EXAMPLE = fileURLToPath(new URL('../../../examples/tally/serve.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./serve-program.ts', import.meta.url));

/** What the test's own serving program is told. */
export interface ServedOptions {
  /** `tally`, the example, or one of the devices beside this file. */
  readonly device: 'tally' | 'ballast' | 'clumsy';
  readonly options?: unknown;
  /** Settings of `serve`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Descriptors that the process gets as 3, 4, …; with `settings.fd` in place of a path. */
  readonly fds?: readonly number[];
}

/** A device in a process of its own. */
export class Served implements AsyncDisposable {
  readonly path: string;
  readonly process: LaunchedProcess;
  readonly lines: string[];

  private constructor(path: string, process: LaunchedProcess, lines: string[]) {
    this.path = path;
    this.process = process;
    this.lines = lines;
  }

  get controlPath(): string {
    return controlPath(this.path);
  }

  /** The example as its author starts it. */
  static example(folder: string, name = 'tally'): Promise<Served> {
    const path = join(folder, `${name}.sock`);
    return Served.#launch(path, name, [EXAMPLE, path], []);
  }

  /** A device with its settings, and a control socket. */
  static start(folder: string, options: ServedOptions, name: string = options.device): Promise<Served> {
    const path = join(folder, `${name}.sock`);
    return Served.#launch(path, name, [PROGRAM, JSON.stringify({ ...options, path })], options.fds ?? []);
  }

  static async #launch(
    path: string,
    name: string,
    args: readonly string[],
    fds: readonly number[],
  ): Promise<Served> {
    const lines: string[] = [];
    const child = await launchProcess({
      name,
      command: [process.execPath, ...process.execArgv, ...args],
      fds,
      onLine: (line) => lines.push(line),
    });
    try {
      if (fds.length === 0) await waitForSocket(path, { child });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new Served(path, child, lines);
  }

  /** How the process ends by itself, within five seconds. */
  ended(): Promise<Exit> {
    return this.process.ended(5_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}

/** A folder for one test's sockets, removed at the end. */
export function testFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'ferry-device-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
