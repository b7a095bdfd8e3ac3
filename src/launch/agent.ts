/** The host's side of the agent in a test guest. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { DeadlineError, FerryError } from '../errors.ts';
import type { CommandArguments, CommandName } from './agent-commands.ts';
import { type CommandResult, decodeResult } from './agent-results.ts';
import { type AgentLine, decodeLine, encodeRequest, MAX_LINE } from './agent-wire.ts';
import { Heartbeat } from './heartbeat.ts';
import { connectSocket, type SocketWait } from './socket.ts';

/** The protocol that `tools/guest` speaks. */
const protocol = 1;
/** Milliseconds after which a request without an answer is sent again; the agent carries it out once. */
const repeatInterval = 500;

/** A system call failed inside the guest. */
export class GuestError extends FerryError {
  readonly errno: number;
  /** For example `ENOENT`. */
  readonly errnoName: string;

  constructor(command: string, errno: number, message: string) {
    const [name = String(errno)] = Object.entries(constants.errno).find(([, value]) => value === errno) ?? [];
    super('ERR_GUEST', `${command} in the guest failed with ${name}: ${message}`);
    this.errno = errno;
    this.errnoName = name;
  }
}

export interface GuestHello {
  /** Another one after every boot. */
  readonly boot: string;
  readonly kernel: string;
}

export interface CallOptions {
  /** Which process in the guest does it: 1 to 63, each with handles and locks of its own. 1 unless given. */
  readonly actor?: number;
  /** Milliseconds; 60 000 unless given. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly line: string;
  readonly command: string;
  readonly resolve: (fields: ReadonlyMap<string, string>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Talks to one guest over the serial ports of one or several virtual machines: during a migration both ends are attached,
 * and the guest answers wherever it runs. Requests go to all of them and are repeated until answered; an id keeps the
 * guest from doing one twice, so that what is torn or lost when the machine moves does no harm.
 */
export class GuestAgent implements AsyncDisposable {
  readonly heartbeat = new Heartbeat();
  readonly #channels = new Set<Socket>();
  readonly #pending = new Map<number, Pending>();
  readonly #repeat: NodeJS.Timeout;
  readonly #hellos: GuestHello[] = [];
  #helloWaiters: (() => void)[] = [];
  #nextId = 1;
  #damaged = 0;

  constructor() {
    this.#repeat = setInterval(() => {
      for (const { line } of this.#pending.values()) this.#send(line);
    }, repeatInterval);
  }

  /** Listens to a machine's agent port, beside those attached before. A machine that ends is let go by itself. */
  async attach(path: string, wait: SocketWait = {}): Promise<void> {
    const channel = await connectSocket(path, wait);
    let partial = '';
    channel.setEncoding('latin1');
    channel.on('data', (chunk: string) => {
      const lines = (partial + chunk).split('\n');
      partial = (lines.pop() ?? '').slice(-MAX_LINE);
      for (const line of lines) this.#receive(line);
    });
    channel.on('error', () => channel.destroy());
    channel.on('close', () => this.#channels.delete(channel));
    this.#channels.add(channel);
  }

  /** Boots of the guest that were seen, the present one last. */
  get hellos(): readonly GuestHello[] {
    return this.#hellos;
  }

  /** Lines that did not check: torn by a move of the machine, or damaged. */
  get damagedLines(): number {
    return this.#damaged;
  }

  /** Waits until the guest has booted `boots` times. @throws DeadlineError */
  async booted(
    options: { deadline?: number; boots?: number; while?: Promise<Error> } = {},
  ): Promise<GuestHello> {
    const { deadline = 60_000, boots = 1 } = options;
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new DeadlineError(`Boot ${boots} of the guest`, deadline)),
      deadline,
    );
    const ended = options.while?.then((error) => Promise.reject(error)) ?? timeout.promise;
    try {
      while (this.#hellos.length < boots) {
        const hello = new Promise<void>((resolve) => this.#helloWaiters.push(resolve));
        await Promise.race([hello, timeout.promise, ended]);
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#hellos.at(-1)!;
  }

  /**
   * Has the guest do something.
   *
   * @throws GuestError when the system call fails there
   * @throws FerryError ERR_GUEST_REQUEST when the agent does not understand the request
   * @throws DeadlineError when no answer has come in time; the guest may still be at it
   */
  async call<C extends CommandName>(
    command: C,
    args: CommandArguments[C],
    options: CallOptions = {},
  ): Promise<CommandResult<C>> {
    const decode = decodeResult[command] as (fields: ReadonlyMap<string, string>) => CommandResult<C>;
    return decode(await this.#request(command, args, options.actor ?? 1, options));
  }

  /** Makes whatever call an actor is blocked in fail with EINTR, or a command that works on end; repeat it if unsure. */
  async interrupt(actor: number): Promise<void> {
    await this.#request('interrupt', [actor], 0, {});
  }

  /** Kills an actor: its files are closed and its locks released. A later request to that number starts another. */
  async end(actor: number): Promise<void> {
    await this.#request('end', [actor], 0, {});
  }

  /** How far a command that works on has come. */
  async progress(actor: number): Promise<{ operations: number; bytes: number; errors: number }> {
    const fields = await this.#request('progress', [actor], 0, {});
    const value = (key: string) => Number(fields.get(key));
    return { operations: value('operations'), bytes: value('bytes'), errors: value('errors') };
  }

  /** One exchange with the agent itself. */
  async ping(options: { deadline?: number } = {}): Promise<void> {
    await this.#request('ping', [], 0, options);
  }

  /** Has the guest beat every so many milliseconds; 0 stops it. */
  async beatEvery(milliseconds: number): Promise<void> {
    await this.#request('beat', [milliseconds * 1000], 0, {});
    this.heartbeat.reset();
  }

  /** Reboots the guest and waits for it to be there again. What it was asked to do before is given up. */
  async reboot(options: { deadline?: number } = {}): Promise<GuestHello> {
    const boots = this.#hellos.length + 1;
    this.#abandon(new FerryError('ERR_GUEST_REBOOTED', 'The guest was rebooted before it answered'));
    await this.#request('reboot', [this.#hellos.at(-1)?.boot], 0, options);
    return this.booted({ ...options, boots });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#repeat);
    this.#abandon(new FerryError('ERR_GUEST_GONE', 'The connection to the guest was given up'));
    for (const channel of [...this.#channels]) {
      const closed = once(channel, 'close');
      channel.destroy();
      await closed;
    }
  }

  async #request(
    command: string,
    args: readonly (string | number | bigint | undefined)[],
    actor: number,
    options: { deadline?: number; signal?: AbortSignal },
  ): Promise<ReadonlyMap<string, string>> {
    options.signal?.throwIfAborted();
    const { deadline = 60_000, signal } = options;
    const id = this.#nextId++;
    const words = args.filter((arg) => arg !== undefined).map(String);
    const line = encodeRequest(id, actor, command, words);
    const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, string>>();
    this.#pending.set(id, { line, command: `${command} ${words.join(' ').slice(0, 100)}`, resolve, reject });
    const timer = setTimeout(() => reject(new DeadlineError(`${command} in the guest`, deadline)), deadline);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#send(line);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#pending.delete(id);
    }
  }

  #send(line: string): void {
    // A paused machine does not read: what waits in its socket is enough
    for (const channel of this.#channels)
      if (channel.writableLength < MAX_LINE) channel.write(line, 'latin1');
  }

  #receive(text: string): void {
    if (text === '') return; // A new boot ends the line of the one before
    const line = decodeLine(text);
    if (line === undefined) {
      this.#damaged++;
      return;
    }
    if (line.kind === 'beat') this.heartbeat.beat(line.count, line.guestTime, performance.now());
    else if (line.kind === 'hello') this.#hello(line.fields);
    else this.#answer(line);
  }

  #answer(line: Extract<AgentLine, { id: number }>): void {
    const pending = this.#pending.get(line.id);
    if (pending === undefined) return; // Answered before, and repeated
    if (line.kind === 'ok') pending.resolve(line.fields);
    else if (line.kind === 'error') pending.reject(new GuestError(pending.command, line.errno, line.message));
    else {
      pending.reject(
        new FerryError('ERR_GUEST_REQUEST', `${pending.command} was not carried out: ${line.message}`),
      );
    }
  }

  #hello(fields: ReadonlyMap<string, string>): void {
    const boot = fields.get('boot') ?? '';
    if (this.#hellos.at(-1)?.boot === boot) return;
    if (Number(fields.get('protocol')) !== protocol) {
      this.#abandon(
        new FerryError(
          'ERR_GUEST_PROTOCOL',
          `The guest's agent speaks protocol ${fields.get('protocol')}, expected ${protocol}`,
        ),
      );
    }
    if (this.#hellos.length > 0) {
      this.#abandon(new FerryError('ERR_GUEST_REBOOTED', 'The guest has booted anew before it answered'));
    }
    this.#hellos.push({ boot, kernel: fields.get('kernel') ?? '' });
    for (const wake of this.#helloWaiters.splice(0)) wake();
  }

  #abandon(error: FerryError): void {
    for (const { reject } of this.#pending.values()) reject(error);
  }
}
