import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const GREETING = {
  QMP: { version: { qemu: { major: 10, minor: 0, micro: 1 }, package: 'scripted' }, capabilities: ['oob'] },
};

/** A command as the scripted monitor received it. */
export interface Received {
  readonly name: string;
  readonly outOfBand: boolean;
  readonly args: Readonly<Record<string, unknown>>;
  readonly id: unknown;
  /** Answer it with a result. */
  answer(value: unknown): void;
  /** Refuse it. */
  refuse(description: string): void;
}

export interface PeerScript {
  /** What is sent first; the ordinary greeting when absent. */
  readonly greeting?: string | Buffer;
  /** Called for every command except `qmp_capabilities`, which is answered. */
  readonly onCommand?: (command: Received, peer: ScriptedMonitor) => void;
}

/** A monitor that says what a test wants it to say, on a real unix socket. */
export class ScriptedMonitor implements AsyncDisposable {
  readonly path: string;
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #folder: string;
  readonly #script: PeerScript;
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string, script: PeerScript) {
    this.#folder = folder;
    this.#script = script;
    this.path = join(folder, 'monitor');
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
  }

  static async listen(script: PeerScript = {}): Promise<ScriptedMonitor> {
    const monitor = new ScriptedMonitor(await mkdtemp(join(tmpdir(), 'ferry-qmp-')), script);
    monitor.#server.listen(monitor.path);
    await once(monitor.#server, 'listening');
    return monitor;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
    socket.write(this.#script.greeting ?? `${JSON.stringify(GREETING)}\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        this.#command(socket, JSON.parse(line));
      }
    });
  }

  #command(socket: Socket, line: Record<string, unknown>): void {
    const { id } = line;
    const reply = (body: object) => void socket.write(`${JSON.stringify({ ...body, id })}\r\n`);
    const command: Received = {
      name: String(line.execute ?? line['exec-oob']),
      outOfBand: line['exec-oob'] !== undefined,
      args: (line.arguments ?? {}) as Record<string, unknown>,
      id,
      answer: (value) => reply({ return: value }),
      refuse: (desc) => reply({ error: { class: 'GenericError', desc } }),
    };
    if (command.name === 'qmp_capabilities') {
      command.answer({});
      return;
    }
    this.received.push(command);
    this.#script.onCommand?.(command, this);
  }

  /** Send bytes as they are to every client. */
  say(bytes: string | Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  /** Send an event. */
  event(name: string, data: unknown = {}): void {
    this.say(`${JSON.stringify({ event: name, data, timestamp: { seconds: 1, microseconds: 500000 } })}\r\n`);
  }

  /** End every connection, after what was written. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.end();
  }

  /** Drop every connection and accept no more, as a process that died does. */
  async die(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
