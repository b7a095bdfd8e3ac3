import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Peer } from '../../src/launch/index.ts';
import { QmpClient } from '../../src/qmp/index.ts';

const MEBIBYTE = 1_048_576;
const COUNTER_AT = 0x500;

/** Real-mode programs for the guest, run from its ROM. */
const PROGRAMS = {
  /** Counts at 0x500, slowly. */
  tick: 'fa31c08ed8 ff060005 b9ffff e2fe ebf5',
  /** Counts at 0x500 and writes 512 KiB of memory over and over. */
  dirty: 'fa ba0010 31db 8edb ff060005 40 8ec2 31ff b90080 f3ab 81c20010 81fa0090 75eb ba0010 ebe6',
} as const;

/** A folder for sockets, images and memory files of some VMs. */
export class Yard implements AsyncDisposable {
  readonly folder: string;
  readonly #vms: PlainVm[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Yard> {
    return new Yard(await mkdtemp(join(tmpdir(), 'ferry-plain-')));
  }

  async start(name: string, peer: Peer, options: VmOptions = {}): Promise<PlainVm> {
    const vm = await PlainVm.start(this.folder, name, peer, options);
    this.#vms.push(vm);
    return vm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const vm of this.#vms) await vm[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface VmOptions {
  /** `defer` or a URI: wait for a guest. */
  readonly incoming?: string;
  /** Hold a waiting guest back with -S, as one should. */
  readonly held?: boolean;
  readonly machine?: string;
  readonly mebibytes?: number;
  readonly program?: keyof typeof PROGRAMS;
  /** Fill memory above 1 MiB with noise, so that it takes its time to copy. */
  readonly noise?: boolean;
  readonly args?: readonly string[];
}

/**
 * A QEMU without a guest system: its CPU runs a few bytes from ROM. Its memory is a file, so that a test sees from outside
 * whether the guest runs (a counter grows) and what it holds.
 */
export class PlainVm implements AsyncDisposable {
  readonly qmp: string;
  readonly #spyPath: string;
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly #memory: FileHandle;
  readonly bytes: number;

  private constructor(qmp: string, spy: string, process: ChildProcess, memory: FileHandle, bytes: number) {
    this.qmp = qmp;
    this.#spyPath = spy;
    this.process = process;
    this.ended = once(process, 'exit');
    this.#memory = memory;
    this.bytes = bytes;
  }

  static async start(folder: string, name: string, peer: Peer, options: VmOptions): Promise<PlainVm> {
    const { incoming, held = true, machine = 'pc-q35-10.0', mebibytes = 64, args = [] } = options;
    const at = (suffix: string) => join(folder, `${name}.${suffix}`);
    await writeFile(at('rom'), rom(options.program ?? 'tick'));
    const memory = await open(at('ram'), 'w+');
    await memory.truncate(mebibytes * MEBIBYTE);
    if (options.noise === true) {
      const noise = randomFillSync(Buffer.alloc(MEBIBYTE));
      for (let index = 1; index < mebibytes; index++) {
        noise.writeUInt32LE(index, 0);
        await memory.write(noise, 0, MEBIBYTE, index * MEBIBYTE);
      }
    }
    const [program, ...first] = peer.command;
    const child = spawn(
      program,
      [
        ...first,
        ...['-accel', 'tcg,tb-size=16', '-bios', at('rom'), '-nodefaults', '-display', 'none'],
        ...['-object', `memory-backend-file,id=m,size=${mebibytes}M,mem-path=${at('ram')},share=on`],
        ...['-M', `${machine},memory-backend=m`, '-m', `${mebibytes}M`],
        ...['-qmp', `unix:${at('qmp')},server=on,wait=off`, '-qmp', `unix:${at('spy')},server=on,wait=off`],
        ...(incoming === undefined ? [] : [...(held ? ['-S'] : []), '-incoming', incoming]),
        ...args,
      ],
      { env: { ...process.env, ...peer.env }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const vm = new PlainVm(at('qmp'), at('spy'), child, memory, mebibytes * MEBIBYTE);
    try {
      await vm.#listening();
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #listening(): Promise<void> {
    let said = '';
    this.process.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`QEMU did not start: ${said}`);
      try {
        await using client = await QmpClient.connect(this.qmp, { limits: { connectMs: 30_000 } });
        await client.execute('query-status');
        return;
      } catch (error) {
        if (!(error instanceof Error && /ENOENT|ECONNREFUSED/.test(error.message))) throw error;
        await delay(10);
      }
    }
  }

  /** Ask the second monitor, so that the first one stays Ferry's. */
  async spy<T>(ask: (client: QmpClient) => Promise<T>): Promise<T> {
    await using client = await QmpClient.connect(this.#spyPath);
    return await ask(client);
  }

  async status(): Promise<string> {
    return this.spy(async (client) => (await client.execute('query-status')).status);
  }

  /** The capabilities that are on. */
  async capabilities(): Promise<string[]> {
    const all = await this.spy((client) => client.execute('query-migrate-capabilities'));
    return all.filter(({ state }) => state).map(({ capability }) => capability);
  }

  async #counter(): Promise<number> {
    const { buffer } = await this.#memory.read(Buffer.alloc(2), 0, 2, COUNTER_AT);
    return buffer.readUInt16LE();
  }

  /** Whether the guest gets CPU time: its counter changes within `ms`. */
  async ticks(ms = 400): Promise<boolean> {
    const before = await this.#counter();
    for (const end = performance.now() + ms; performance.now() < end; await delay(5))
      if ((await this.#counter()) !== before) return true;
    return false;
  }

  /** Guest memory from 1 MiB on, where no program of ours writes. */
  async memory(): Promise<Buffer> {
    const all = Buffer.alloc(this.bytes - MEBIBYTE);
    await this.#memory.read(all, 0, all.length, MEBIBYTE);
    return all;
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  get hasExited(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasExited) {
      this.process.kill('SIGKILL');
      await this.ended;
    }
    await this.#memory.close();
  }
}

function rom(program: keyof typeof PROGRAMS): Buffer {
  const image = Buffer.alloc(65536, 0xf4);
  Buffer.from(PROGRAMS[program].replaceAll(' ', ''), 'hex').copy(image);
  // The reset vector: a near jump to the start of the image
  Buffer.from('e90d00', 'hex').copy(image, 0xfff0);
  return image;
}
