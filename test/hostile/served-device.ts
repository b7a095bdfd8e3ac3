/** A device in a process of its own that hostile front ends are let loose on, and what can be seen of it from outside. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient, controlPath, type StatusReport } from '../../src/control/index.ts';
import { type LaunchedProcess, launchProcess, waitForSocket } from '../../src/launch/index.ts';
import type { Kind } from './ring.ts';

/** Bytes of files that the device begins with. */
const STATE = 1024 * 1024;

const PROGRAM = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

/** The words after `ferry serve`, the device first; `folder` is for what they need. */
export type Serving = (folder: string) => readonly [Kind, ...string[]];

/** A file system in memory whose state is larger than what a socket holds. */
export const serveFs: Serving = (folder) => {
  const contents = join(folder, 'contents');
  mkdirSync(contents);
  writeFileSync(join(contents, 'large'), new Uint8Array(STATE));
  return ['fs', '--memory', '16M', '--tag', 'hostile', '--from', contents];
};

/** A disk in memory with two queues, which keeps note of requests in flight. */
export const serveBlk: Serving = () => ['blk', '--memory', '1M', '--queues', '2', '--queue-size', '128'];

/** What the process holds: descriptors, and mappings of memory that somebody shares with it. */
export interface Holdings {
  readonly fds: number;
  readonly mappings: number;
}

export class ServedDevice implements AsyncDisposable {
  readonly kind: Kind;
  readonly folder: string;
  readonly path: string;
  readonly process: LaunchedProcess;
  readonly control: ControlClient;

  private constructor(
    kind: Kind,
    folder: string,
    path: string,
    process: LaunchedProcess,
    control: ControlClient,
  ) {
    this.kind = kind;
    this.folder = folder;
    this.path = path;
    this.process = process;
    this.control = control;
  }

  /** Start what `serving` says; the folder is removed at the end. */
  static async launch(serving: Serving): Promise<ServedDevice> {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-hostile-'));
    const words = serving(folder);
    const path = join(folder, 'device.sock');
    const child = await launchProcess({
      name: `ferry serve ${words[0]}`,
      command: [PROGRAM, 'serve', ...words, '--socket-path', path],
    });
    try {
      await waitForSocket(controlPath(path), { child });
      return new ServedDevice(words[0], folder, path, child, await ControlClient.connect(controlPath(path)));
    } catch (error) {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  status(): Promise<StatusReport> {
    return this.control.status();
  }

  /** Asks for its status first: the connection for that is one of its descriptors, and closed when it is idle. */
  async holdings(): Promise<Holdings> {
    await this.status();
    const maps = readFileSync(`/proc/${this.process.pid}/maps`, 'utf8').split('\n');
    return {
      fds: readdirSync(`/proc/${this.process.pid}/fd`).length,
      mappings: maps.filter((line) => line.split(/\s+/)[1]?.endsWith('s')).length,
    };
  }

  /** Bytes of its own that it has in memory. */
  resident(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'latin1');
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control[Symbol.asyncDispose]();
    await this.process.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
