import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** What passes in one direction, piece by piece: a tap looks at it, holds it back, changes it, or cuts the connection. */
export type Tap = (bytes: AsyncIterable<Buffer>, relay: Relay) => AsyncIterable<Buffer>;

export interface Taps {
  /** From the source to the destination. */
  readonly forward?: Tap;
  /** The return path. */
  readonly back?: Tap;
}

/** Stands between two QEMUs: listens where the source sends its stream to, and takes it to where the destination listens. */
export class Relay implements AsyncDisposable {
  /** What the source is told. */
  readonly uri: string;
  /** Resolves when a connection has come to its end, on whichever side. */
  readonly broken: Promise<void>;
  readonly #break: () => void;
  readonly #target: string;
  readonly #taps: Taps;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pumps: Promise<void>[] = [];

  private constructor(path: string, target: string, taps: Taps) {
    this.uri = `unix:${path}`;
    const broken = Promise.withResolvers<void>();
    this.broken = broken.promise;
    this.#break = broken.resolve;
    this.#target = target;
    this.#taps = taps;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#relay(socket));
  }

  /** Listen at `path` for a source, and connect to the destination at `target` when it comes. */
  static async listen(path: string, target: string, taps: Taps = {}): Promise<Relay> {
    const relay = new Relay(path, target, taps);
    relay.#server.listen(path);
    await once(relay.#server, 'listening');
    return relay;
  }

  /** Break the connection, both ways and at once, as a network does that has gone. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#break();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
    await Promise.all(this.#pumps);
  }

  #relay(source: Socket): void {
    const destination = connect({ path: this.#target, allowHalfOpen: true });
    const { forward = passing, back = passing } = this.#taps;
    for (const socket of [source, destination]) {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#break();
      });
    }
    this.#pumps.push(this.#pump(source, forward, destination), this.#pump(destination, back, source));
  }

  /** A connection that breaks on one side is broken on the other as well. */
  async #pump(from: Socket, tap: Tap, to: Socket): Promise<void> {
    try {
      await pipeline(from, (bytes: AsyncIterable<Buffer>) => tap(bytes, this), to);
    } catch {
      // Whether a QEMU, the test or the tap has ended it: the two ends see it, and say so
      from.destroy();
      to.destroy();
    }
  }
}

const passing: Tap = (bytes) => bytes;
