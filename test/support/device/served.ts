import { EventEmitter, once } from 'node:events';
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
  /** `tally`, the example, `fs` (with `settings.factory`), or one of the devices beside this file. */
  readonly device: 'tally' | 'ballast' | 'clumsy' | 'desk' | 'fs' | 'slow';
  readonly options?: unknown;
  /** Settings of `serve`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Descriptors that the process gets as 3, 4, …; with `settings.fd` in place of a path. */
  readonly fds?: readonly number[];
}

interface Heard {
  readonly lines: string[];
  readonly events: EventEmitter;
}

/** A device in a process of its own. */
export class Served implements AsyncDisposable {
  readonly path: string;
  readonly process: LaunchedProcess;
  readonly #heard: Heard;

  private constructor(path: string, process: LaunchedProcess, heard: Heard) {
    this.path = path;
    this.process = process;
    this.#heard = heard;
  }

  /** What it has said so far. */
  get lines(): readonly string[] {
    return this.#heard.lines;
  }

  get controlPath(): string {
    return controlPath(this.path);
  }

  /** The example as its author starts it. */
  static example(folder: string, name = 'tally'): Promise<Served> {
    const path = join(folder, `${name}.sock`);
    return Served.#launch(path, name, [EXAMPLE, path], [], path);
  }

  /** A device with its settings, and a control socket. */
  static start(folder: string, options: ServedOptions, name: string = options.device): Promise<Served> {
    const path = join(folder, `${name}.sock`);
    const args = [PROGRAM, JSON.stringify({ ...options, path })];
    // It comes last
    return Served.#launch(path, name, args, options.fds ?? [], controlPath(path));
  }

  /** Start a device that is to end by itself, and return what it said. */
  static async refusal(
    folder: string,
    options: ServedOptions,
    name: string = options.device,
  ): Promise<string> {
    const path = join(folder, `${name}.sock`);
    await using child = await launchProcess({
      name,
      command: [process.execPath, ...process.execArgv, PROGRAM, JSON.stringify({ ...options, path })],
      fds: options.fds ?? [],
    });
    const { code } = await child.ended(10_000);
    return `exit code ${code}: ${child.tail}`;
  }

  static async #launch(
    path: string,
    name: string,
    args: readonly string[],
    fds: readonly number[],
    sign: string,
  ): Promise<Served> {
    const heard: Heard = { lines: [], events: new EventEmitter() };
    const child = await launchProcess({
      name,
      command: [process.execPath, ...process.execArgv, ...args],
      fds,
      onLine: (line) => {
        heard.lines.push(line);
        heard.events.emit('line');
      },
    });
    try {
      await waitForSocket(sign, { child });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new Served(path, child, heard);
  }

  /** Resolves when it has said something that matches `pattern`. */
  async said(pattern: RegExp): Promise<void> {
    while (!this.lines.some((line) => pattern.test(line))) await once(this.#heard.events, 'line');
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
