/** A receiving process under a limit to its memory, and a stock peer's sender for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Fault } from '../planted.ts';
import { pieceLength, pieceParts } from './device-contents.ts';
import type { MemoryLimit } from './memory-limit.ts';
import type { ReceiverHears, ReceiverPlan, ReceiverReport, ReceiverSays } from './receiver-program.ts';
import { deviceHead, PAGE, ramHead, syncPacket } from './stock-packets.ts';

const PROGRAM = fileURLToPath(new URL('./receiver-program.ts', import.meta.url));
const PLANT = fileURLToPath(new URL('../plant.ts', import.meta.url));

/** How the process has ended. */
export interface ReceiverEnd {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly said: ReceiverSays | undefined;
  readonly errors: string;
}

export interface ReceiverSetting {
  readonly limit: MemoryLimit;
  /** What it may have at most. */
  readonly bytes?: number;
  readonly fault?: Fault;
}

export class ReceiverProcess implements AsyncDisposable {
  readonly plan: ReceiverPlan;
  worstCase = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<ReceiverEnd>;
  readonly #waiting: { wants: ReceiverSays['says']; resolve: () => void }[] = [];
  readonly #sockets: Socket[] = [];
  #credits: readonly number[] = [];
  #last: ReceiverSays | undefined;
  #hasEnded = false;
  #numbers = 0;

  /** Resolves when all of its threads are there, and this end is connected to its channels. */
  static async start(plan: ReceiverPlan, setting: ReceiverSetting): Promise<ReceiverProcess> {
    const receiver = new ReceiverProcess(plan, setting);
    try {
      await receiver.#until('listening');
      for (let id = 0; id < plan.channels; id++) {
        const socket = createConnection(plan.path);
        await once(socket, 'connect');
        // What goes wrong shows in how the process ends
        socket.on('error', () => undefined);
        receiver.#sockets.push(socket);
      }
      await receiver.#until('ready');
      return receiver;
    } catch (error) {
      await receiver[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(plan: ReceiverPlan, { limit, bytes, fault }: ReceiverSetting) {
    this.plan = plan;
    const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...env } = process.env;
    const options = fault === undefined ? [] : [`--import=${PLANT}`];
    const node = [process.execPath, '--conditions=ferry-source', ...options, PROGRAM, JSON.stringify(plan)];
    const [file = '', ...args] = limit.wrap(node, bytes);
    this.#child = spawn(file, args, {
      env: { ...env, ...(fault && { FERRY_PLANT: JSON.stringify(fault) }) },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // One that is killed reads no more: how it has ended is seen below
    this.#child.stdin?.on('error', () => undefined);
    let errors = '';
    this.#child.stderr?.on('data', (text) => {
      errors += String(text);
    });
    const lines = createInterface(this.#child.stdout!);
    lines.on('line', (line) => this.#hear(JSON.parse(line) as ReceiverSays));
    this.#ended = once(this.#child, 'close').then(([code, signal]: unknown[]) => {
      this.#hasEnded = true;
      for (const { resolve } of this.#waiting.splice(0)) resolve();
      for (const socket of this.#sockets) socket.destroy();
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        said: this.#last,
        errors,
      };
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** How it has ended, however that was. */
  get ended(): Promise<ReceiverEnd> {
    return this.#ended;
  }

  /**
   * Send all of RAM and all of the devices' state in the worst order that there is: the first buffers that devices wait for
   * come last. Resolves when everything was written, or the process has ended.
   */
  async sendWorst(): Promise<void> {
    const { credits, ram } = this.plan;
    await this.#sendRam(0, ram / 2);
    await this.#barrier(1);
    // Behind the devices' last buffers there is one more barrier, before their first ones
    if (credits) await this.#sendWithCredits();
    else await this.#sendWithout();
    for (const socket of this.#sockets) socket.end();
    this.#tell({ hears: 'end' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #sendWithout(): Promise<void> {
    const { totals, ram } = this.plan;
    const packets = descending(totals.map((total) => [0, total]));
    const half = packets.length >> 1;
    await this.#sendPieces(packets.slice(0, half));
    await this.#sendRam(ram / 2, ram);
    await this.#barrier(2);
    await this.#sendPieces(packets.slice(half));
  }

  /** Everything that is allowed, again and again, the lowest indices last; more only when all of that was loaded. */
  async #sendWithCredits(): Promise<void> {
    const { totals, tempers, ram } = this.plan;
    const sent = totals.map(() => 0);
    await this.#until('credits', () => this.#credits.length > 0);
    const window = this.#credits;
    for (let first = true; ; first = false) {
      const ranges = totals.map((total, d) => [sent[d]!, Math.min(total, this.#credits[d]!)] as const);
      const packets = descending(ranges);
      const last = packets.filter(({ device, index }) => index === sent[device]);
      await this.#sendPieces(packets.filter(({ device, index }) => index !== sent[device]));
      if (first) {
        await this.#sendRam(ram / 2, ram);
        await this.#barrier(2);
      }
      await this.#sendPieces(last);
      for (const [d, [, end]] of ranges.entries()) sent[d] = end;
      const wanting = totals.flatMap((total, d) =>
        sent[d]! < total && tempers[d]?.stuckAt === undefined ? [d] : [],
      );
      if (wanting.length === 0 || this.#hasEnded) return;
      await this.#until('credits', () =>
        wanting.every((d) => this.#credits[d]! >= Math.min(totals[d]!, sent[d]! + window[d]!)),
      );
    }
  }

  /** Device-state packets, one after the other on each channel, the channels in turn. */
  async #sendPieces(packets: readonly Piece[]): Promise<void> {
    const { totals } = this.plan;
    await this.#onAll(async (socket, id) => {
      for (let i = id; i < packets.length; i += this.#sockets.length) {
        const { device, index } = packets[i]!;
        const total = totals[device]!;
        const last = index + 1 === total;
        const head = deviceHead(
          { idstr: 'device', instance: device },
          index,
          pieceLength(index, total),
          last,
        );
        await this.#write(socket, [head, ...pieceParts(device, index, total)]);
      }
    });
  }

  async #sendRam(from: number, to: number): Promise<void> {
    const run = 128 * PAGE;
    const pages = Buffer.alloc(run, 0xa5);
    await this.#onAll(async (socket, id) => {
      for (let at = from + id * run; at < to; at += run * this.#sockets.length) {
        const length = Math.min(run, to - at);
        await this.#write(socket, [
          ramHead('ram', at, length / PAGE, this.#numbers++),
          pages.subarray(0, length),
        ]);
      }
    });
  }

  /** A barrier on every channel: the main stream's word for it comes only when it was written everywhere. */
  async #barrier(barrier: number): Promise<void> {
    await this.#onAll((socket) => this.#write(socket, [syncPacket(this.#numbers++)]));
    this.#tell({ hears: 'barrier', barrier });
  }

  async #onAll(work: (socket: Socket, id: number) => Promise<void>): Promise<void> {
    await Promise.all(this.#sockets.map(work));
  }

  /** Resolves when it was written, or never will be. */
  async #write(socket: Socket, parts: readonly Buffer[]): Promise<void> {
    if (socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.cork();
    for (const [i, part] of parts.entries())
      socket.write(part, i + 1 < parts.length ? undefined : () => resolve());
    socket.uncork();
    await promise;
  }

  #tell(line: ReceiverHears): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  #hear(line: ReceiverSays): void {
    this.#last = line;
    if (line.says === 'ready') this.worstCase = line.worstCase;
    if (line.says === 'credits') this.#credits = line.credits;
    for (const waiting of this.#waiting.filter(({ wants }) => wants === line.says)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }

  /** Resolves when it has said something and `holds`, or when it has ended. */
  async #until(wants: ReceiverSays['says'], holds?: () => boolean): Promise<void> {
    while (!this.#hasEnded && !(holds?.() ?? false)) {
      await new Promise<void>((resolve) => this.#waiting.push({ wants, resolve }));
      if (holds === undefined) break;
    }
    if (!this.#hasEnded || holds !== undefined) return;
    const { errors, said } = await this.#ended;
    throw new Error(`The receiver has ended before it was ${wants}: ${JSON.stringify(said)}\n${errors}`);
  }
}

interface Piece {
  readonly device: number;
  readonly index: number;
}

/** All buffers in the ranges, the highest index first, over all devices. */
function descending(ranges: readonly (readonly [number, number])[]): Piece[] {
  return ranges
    .flatMap(([from, to], device) =>
      Array.from({ length: to - from }, (_, i) => ({ device, index: from + i })),
    )
    .sort((a, b) => b.index - a.index || a.device - b.device);
}

/** What a receiver says at its end where everything went well. */
export function reportOf(end: ReceiverEnd): ReceiverReport {
  if (end.said?.says === 'done' && end.code === 0) return end.said;
  throw new Error(`The receiver has ended with ${JSON.stringify(end)}`);
}
